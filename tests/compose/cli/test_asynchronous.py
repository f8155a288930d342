"""How a command ends that is told to."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WAITING = """
import signal, sys
import anyio
from compose.cli.asynchronous import run_async

# As a shell starts it, whoever has started the tests (`nohup`).
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.SIG_IGN if sys.argv[1] == "background" else signal.default_int_handler)

async def wait():
    try:
        print("ready", flush=True)
        await anyio.sleep_forever()
    finally:
        print("tidied", flush=True)

try:
    run_async(wait)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGHUP], ids=lambda item: item.name)
@pytest.mark.parametrize("where", ["foreground", "background"])
def test_what_kill_sends_ends_a_command_wherever_it_was_started(where: str, by: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, where], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(by)
        try:
            output, _ = program.communicate(timeout=60)
        finally:
            program.kill()  # else a failure would wait here for good
    assert output.split() == ["tidied", "interrupted"]
