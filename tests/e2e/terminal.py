"""A terminal to run a program in, as a person would: type, and wait for what appears."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_TIMEOUT_SECONDS = 60.0


class Terminal:
    """A program whose standard streams are a new pseudo-terminal. Leaving its `with` block ends the program."""

    def __init__(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        try:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**environment, "TERM": "xterm"},
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                preexec_fn=_own_the_terminal,
            )
        finally:
            os.close(slave)
        self.shown = ""
        self._met = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def settings(self) -> list[object]:
        """The terminal's, as the last program has left them."""
        return termios.tcgetattr(self._master)

    def press(self, keys: str) -> None:
        """Type; `\\x03` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def expect(self, text: str) -> None:
        """Wait until `text` appears behind what was expected before."""
        give_up = time.monotonic() + _TIMEOUT_SECONDS
        while (found := self.shown.find(text, self._met)) < 0:
            assert self._read(give_up), f"{text!r} did not appear; the terminal shows:\n{self.shown}"
        self._met = found + len(text)

    def wait(self) -> int:
        """Read until the program ends and return its exit code."""
        give_up = time.monotonic() + _TIMEOUT_SECONDS
        reading = True
        while reading:
            reading = self._read(give_up)
        return self.process.wait(max(give_up - time.monotonic(), 1))

    def _read(self, give_up: float) -> bool:
        """Take what the program wrote; False at its end and when the time is over."""
        ready, _, _ = select.select([self._master], [], [], max(give_up - time.monotonic(), 0))
        if not ready:
            return False
        try:
            self.shown += os.read(self._master, 65536).decode(errors="replace")
        except OSError:  # EIO: the last program on the terminal has closed it
            return False
        return True


def _own_the_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl-C becomes a signal, which is heeded as in a shell.

    Who starts the tests may have had them ignore it, which programs inherit.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
