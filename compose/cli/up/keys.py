"""Single keys of our terminal, without Enter, and the terminal as it was afterwards."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.abc

from compose.cli.stdin import read_some, standard_input

_LOCAL, _CONTROL = 3, 6  # places in what tcgetattr gives


def is_ours() -> bool:
    """Whether standard input and output are a terminal in whose foreground we are: others would be stopped."""
    try:
        return sys.stdout.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


async def on_keys(
    actions: Mapping[bytes, Callable[[], None]], *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Do what each key stands for until cancelled, or until the terminal has gone. Enter makes an empty line, as ever.

    Ctrl-C and Ctrl-Z stay signals. Whatever ends it, the terminal gets back the settings that it had.
    """
    with standard_input() as descriptor, _single_keys(descriptor) as set_up:
        async with anyio.create_task_group() as tasks:
            await tasks.start(_when_continued, set_up)
            task_status.started()
            while key := await _key(descriptor):
                if action := actions.get(key):
                    action()
            tasks.cancel_scope.cancel()


async def _key(descriptor: int) -> bytes:
    try:
        return await read_some(descriptor, 1)
    except OSError:  # EIO: nobody is at the other end any more
        return b""


async def _when_continued(
    set_up: Callable[[], None], *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """After Ctrl-Z the shell has given the terminal its own settings."""
    with anyio.open_signal_receiver(signal.SIGCONT) as received:
        task_status.started()
        async for _ in received:
            set_up()


@contextmanager
def _single_keys(descriptor: int) -> Iterator[Callable[[], None]]:
    """Without lines and without echo; yields what sets that up again."""
    before = termios.tcgetattr(descriptor)
    wanted: list[Any] = [list(part) if isinstance(part, list) else part for part in before]
    wanted[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
    # Ctrl-\ would end us on the spot, and leave the terminal like this.
    wanted[_CONTROL][termios.VQUIT] = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes(1, "little")
    wanted[_CONTROL][termios.VMIN], wanted[_CONTROL][termios.VTIME] = 1, 0

    def set_up() -> None:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, wanted)

    try:
        set_up()
        yield set_up
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
