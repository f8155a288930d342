"""Engines that are killed (SIGKILL) right before the N-th thing they change on the disk or in the kernel.

What counts is seen without the engine's help: files by Python's audit events, and calls of libc (mounts, namespaces),
transactions of the database, netlink messages, signals and written bytes by a profile function. So a new step of an
operation is a new moment to die at, and no test has to be told of it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

import anyio

from engine.kernel import libc
from engine.state.paths import Paths
from engine.state.store import Store
from tests.engine.containers.conftest import Engine, running

# docs.python.org, Audit events table; opening counts when it is for writing.
_FILES: Final = frozenset(
    f"os.{verb}"
    for verb in ("chmod", "chown", "link", "mkdir", "remove", "rename", "rmdir", "setxattr", "symlink", "truncate")
) | {"subprocess.Popen"}
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_FUNCTIONS: Final = frozenset({libc.call.__code__, Store._try_to_transact.__code__})

Act = Callable[[Engine], Awaitable[object]]


@dataclass(slots=True)
class Countdown:
    """Kills this process before its `left`-th change, once it is armed. Threads count as well."""

    left: int
    is_armed: bool = False

    def install(self) -> None:
        """Begin to look; for the rest of this process, which must have no other threads yet."""
        sys.addaudithook(self._on_audit)
        threading.setprofile(self._on_call)
        sys.setprofile(self._on_call)

    def _on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        is_open = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
        if is_open or event in _FILES:
            self._step()

    def _on_call(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "call":
            if frame.f_code in _FUNCTIONS:
                self._step()
        elif event == "c_call" and self.is_armed:
            name = function.__name__
            if (
                name == "pidfd_send_signal"
                or (name == "write" and function.__module__ == "posix")
                or (name == "send" and isinstance(function.__self__, socket.socket))
            ):
                self._step()

    def _step(self) -> None:
        if self.is_armed:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def is_killed_before(step: int, paths: Paths, act: Act) -> bool:
    """Let an engine of its own process do something, and kill it before its `step`-th change; False if it made fewer.

    Also then the engine ends as by SIGKILL. Raises `AssertionError` if it failed by itself.
    """
    child = os.fork()
    if child == 0:
        try:
            countdown = Countdown(step)
            countdown.install()
            anyio.run(_act, paths, act, countdown)
        except BaseException:  # noqa: BLE001 - the parent sees the exit code
            traceback.print_exc()
        os._exit(2)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


async def _act(paths: Paths, act: Act, countdown: Countdown) -> None:
    async with running(paths) as engine:
        countdown.is_armed = True
        await act(engine)
        os._exit(0)
