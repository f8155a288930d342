"""Where we are told the pid of a process that a runtime has started."""

from __future__ import annotations

import contextlib
import os


class PidPipe:
    """A pipe; both ends close with `stack`. What opens its `name` and writes may be any process of root's.

    crun does it itself (`--pid-file`): it writes into what we name. Others make a file next to it and rename that.
    `descriptor` becomes readable when there is something to `read`.
    """

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
