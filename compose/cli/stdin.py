"""Our standard input: waited for by a task, and never by the whole program."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


@contextmanager
def standard_input() -> Iterator[int]:
    """A descriptor for `read_some` while the block runs. Of a terminal, reads from it do not block.

    What a terminal had to read may be gone before it is read: Ctrl-C throws away what was typed before it (ISIG
    without NOFLSH in termios(3)). A read that blocks then keeps us from answering that very Ctrl-C. Standard input
    itself cannot be made not to block: that belongs to the open file, which we share with the shell.
    """
    descriptor = sys.stdin.fileno()
    opened = _opened_again(descriptor) if os.isatty(descriptor) else None
    try:
        yield descriptor if opened is None else opened
    finally:
        if opened is not None:
            os.close(opened)


async def read_some(descriptor: int, most_bytes: int) -> bytes:
    """What there is, at least a byte; b"" at the end. Raises `OSError` (EIO from a terminal that nobody is at)."""
    while True:
        try:
            await anyio.wait_readable(descriptor)
        except PermissionError:
            # epoll takes no ordinary files (`exec … < file`), which never block anyway.
            await anyio.lowlevel.checkpoint()
        try:
            return os.read(descriptor, most_bytes)
        except BlockingIOError:
            continue  # thrown away meanwhile, or somebody else's who reads there too


def _opened_again(terminal: int) -> int | None:
    """The same terminal as an open file of our own; None where we may not open it."""
    # After `su` the terminal is another user's: by this name everybody may open the own one.
    names = ["/dev/tty"] if _is_controlling(terminal) else []
    for name in (*names, f"/proc/self/fd/{terminal}"):
        try:
            return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            continue
    return None


def _is_controlling(terminal: int) -> bool:
    try:
        os.tcgetpgrp(terminal)
    except OSError:
        return False
    return True
