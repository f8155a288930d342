"""How a command ends that is told to, once or several times."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WAITING = """
import os, signal, sys
import anyio
from compose.cli.asynchronous import run_async

# As a shell starts it, whoever has started the tests (`nohup`).
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.SIG_IGN if sys.argv[1] == "background" else signal.default_int_handler)

def again():
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))

async def wait():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait_within)

async def wait_within():
    try:
        print("ready", flush=True)
        await anyio.sleep_forever()
    finally:
        if sys.argv[1] == "twice":
            again()
            sum(range(100_000))  # handlers run between two instructions
        if sys.argv[1] == "stuck":
            with anyio.CancelScope(shield=True):
                again()
                await anyio.sleep_forever()
        print("tidied", flush=True)

try:
    run_async(wait)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def ended(where: str, by: signal.Signals) -> list[str]:
    """What the program says that is interrupted while it waits."""
    command = [sys.executable, "-c", WAITING, where, by.name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(by)
        try:
            output, _ = program.communicate(timeout=60)
        finally:
            program.kill()  # else a failure would wait here for good
    return output.split()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGHUP], ids=lambda item: item.name)
@pytest.mark.parametrize("where", ["foreground", "background"])
def test_what_kill_sends_ends_a_command_wherever_it_was_started(where: str, by: signal.Signals) -> None:
    assert ended(where, by) == ["tidied", "interrupted"]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda item: item.name)
def test_a_second_signal_breaks_no_tidying_off(by: signal.Signals) -> None:
    assert ended("twice", by) == ["tidied", "interrupted"]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda item: item.name)
def test_a_second_signal_ends_a_tidying_that_does_not(by: signal.Signals) -> None:
    assert ended("stuck", by) == ["interrupted"]
