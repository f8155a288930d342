"""Where a runtime tells the pid of a process that it started.

crun writes into what we name, so a pipe does: its bytes come without a file being made. Others write a file next to it
and rename it, which inotify tells.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Protocol

from engine.kernel.inotify import MOVED_TO, Inotify


class PidReport(Protocol):
    """`name` is for `--pid-file`, `descriptor` becomes readable when there is something to `read` (0: not yet)."""

    name: str
    descriptor: int

    def read(self) -> int: ...


class PidPipe:
    """A pipe; both ends close with `stack`."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.descriptor, end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        stack.callback(os.close, self.descriptor)
        stack.callback(os.close, end)
        self.name = f"/proc/{os.getpid()}/fd/{end}"

    def read(self) -> int:
        """The pid, 0 if it was not written."""
        try:
            return int(os.read(self.descriptor, 64))
        except BlockingIOError:
            return 0


class PidFile:
    """A file in a directory of its own below `place`; both go with `stack`."""

    def __init__(self, stack: contextlib.ExitStack, place: Path) -> None:
        directory = place / f"pid-{secrets.token_hex(6)}"
        directory.mkdir(mode=0o700)
        stack.callback(directory.rmdir)
        self._file = directory / "pid"
        stack.callback(self._file.unlink, missing_ok=True)
        watcher = Inotify()
        stack.callback(watcher.close)
        watcher.add(directory, MOVED_TO)
        self.descriptor = watcher.descriptor
        self.name = str(self._file)

    def read(self) -> int:
        """The pid, 0 if it was not written."""
        try:
            return int(self._file.read_text())
        except FileNotFoundError:
            return 0
