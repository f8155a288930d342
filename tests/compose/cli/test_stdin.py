"""What is typed, and what Ctrl-C throws away of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import asyncio, os, sys, termios
import anyio
from compose.cli.interrupts import on_interrupts
from compose.cli.running.stdio import input_chunks
from compose.cli.up.keys import on_keys

def told(words):
    print(words, flush=True)

async def lines(over):
    async for line in input_chunks():
        told(f"read {line.decode()}")
    over.cancel()

async def keys(task_status):
    actions = {name.encode(): lambda name=name: told(f"read {name}") for name in "xy"}
    await on_keys(actions, task_status=task_status)

def throw_one_away():
    # Called by the event loop in the same round in which it finds that the reader has something to read.
    again = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)

    def throw_away():
        asyncio.get_running_loop().remove_reader(again)
        termios.tcflush(again, termios.TCIFLUSH)
        told("thrown away")

    asyncio.get_running_loop().add_reader(again, throw_away)

async def main():
    async with anyio.create_task_group() as tasks:
        count = 0

        def interrupted():
            nonlocal count
            count += 1
            told(f"interrupted {count}.")
            if sys.argv[2] == "once":
                tasks.cancel_scope.cancel()

        await tasks.start(on_interrupts, (interrupted,))
        if sys.argv[1] == "keys":
            await tasks.start(lambda *, task_status: keys(task_status))
        else:
            tasks.start_soon(lines, tasks.cancel_scope)
        if sys.argv[2] == "once":
            throw_one_away()
        told("ready")

anyio.run(main)
"""


def program(*arguments: str) -> Terminal:
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Terminal([sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, environment=environment)


@pytest.mark.parametrize("reader", ["keys", "lines"])
def test_what_is_thrown_away_before_it_is_read_does_not_hold_up_a_signal(reader: str) -> None:
    with program(reader, "once") as screen:
        screen.expect("ready")
        screen.press("x\n")
        screen.expect("thrown away")
        screen.press("y\n")
        screen.expect("read y")
        screen.press("\x03")
        assert screen.wait() == 0
    assert "read x" not in screen.shown


@pytest.mark.parametrize("reader", ["keys", "lines"])
def test_what_is_thrown_away_before_it_is_read_does_not_hold_up_the_end(reader: str) -> None:
    with program(reader, "once") as screen:
        screen.expect("ready")
        screen.press("x\n")
        screen.expect("thrown away")
        screen.press("\x03")
        assert screen.wait() == 0


@pytest.mark.parametrize(("reader", "typed"), [("keys", "\x1c"), ("lines", "x\n")])
def test_ctrl_c_right_behind_something_else_is_noticed_every_time(reader: str, typed: str) -> None:
    with program(reader, "often") as screen:
        screen.expect("ready")
        for count in range(1, 301):
            screen.press(typed)
            time.sleep(count % 60 * 1e-5)  # sometimes it has been noticed, sometimes read, sometimes neither
            screen.press("\x03")
            screen.expect(f"interrupted {count}.")


def test_ordinary_files_and_pipes_are_read_to_their_end(tmp_path: Path) -> None:
    typed = tmp_path / "typed"
    typed.write_text("abc")
    command = [sys.executable, "-c", PROGRAM, "lines", "often"]
    with typed.open() as file:
        from_file = subprocess.run(command, cwd=ROOT, stdin=file, capture_output=True, text=True, check=True)
    from_pipe = subprocess.run(command, cwd=ROOT, input="abc", capture_output=True, text=True, check=True)
    assert from_file.stdout.split() == from_pipe.stdout.split() == ["ready", "read", "abc"]
