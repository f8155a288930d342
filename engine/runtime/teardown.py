"""Ending processes and removing what a container leaves: its cgroup in every tree and its files."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio

from engine.kernel.directories import remove_directory
from engine.kernel.threads import lengthy
from engine.process import wait_pidfd
from engine.runtime import cgroups, monitor

# How long a monitor may take to write down what its dead container left in the pipes.
_MONITOR_SECONDS = 2.0
# A process that has just ended may count for its cgroup a moment longer (it leaves it in the scheduler since Linux
# 6.19), and no event says when it is gone.
_BUSY_ATTEMPTS = 100
_BUSY_SECONDS = 0.002


async def kill_and_wait(pidfd: int) -> None:
    """SIGKILL a process and wait until it has ended."""
    if has_ended(pidfd):
        return
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    await wait_pidfd(pidfd)


async def end_monitor(pidfd: int, *, within_seconds: float = _MONITOR_SECONDS) -> None:
    """Wait for a monitor whose container has ended; kill it if it hangs (on a client that does not read)."""
    if has_ended(pidfd):
        return
    with anyio.move_on_after(within_seconds):
        await wait_pidfd(pidfd)
        return
    await kill_and_wait(pidfd)


async def end_creation(pidfd: int, pid: int) -> None:
    """End a monitor that is still making its container, and the runtime that does the work for it."""
    # On a busy machine it may not have come to starting the runtime yet: it must not do so behind our back.
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGSTOP)
    children = _children(pid)
    # The monitor first: it starts nothing any more. The container's init ends when it misses the runtime.
    await kill_and_wait(pidfd)
    for child in children:
        await _kill_pid(child)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


async def remove_traces(record: monitor.Record, directories: Sequence[str], also: Callable[[], None]) -> None:
    """Remove a container's cgroup from every tree, with whatever lives in it, then its directories and what monitor and
    runtime put into the bundle. Raises `OSError` if the cgroup stays busy; the files are still there then.

    `also` is done first, on the same thread, whatever becomes of the rest.
    """

    def act() -> bool:
        also()
        return _try_to_remove(record, directories)

    is_done = await lengthy(act)
    for _ in range(_BUSY_ATTEMPTS):
        if is_done:
            return
        cgroups.thaw(record.cgroup)
        members = cgroups.members(record.cgroup)
        for pid in members:
            await _kill_pid(pid)
        if not members:
            await anyio.sleep(_BUSY_SECONDS)
        is_done = await lengthy(_try_to_remove, record, directories)
    raise OSError(f"cgroup {record.cgroup} cannot be removed: it stays busy")


async def _kill_pid(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            await kill_and_wait(pidfd)
        finally:
            os.close(pidfd)


def _try_to_remove(record: monitor.Record, directories: Sequence[str]) -> bool:
    if not cgroups.remove(record.cgroup):
        return False
    for directory in directories:
        remove_directory(directory)
    if record.bundle and record.bundle not in directories:
        for name in monitor.BUNDLE_FILES:
            Path(record.bundle, name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it may be the caller's, with more in it
            Path(record.bundle).rmdir()
    return True


def has_ended(pidfd: int) -> bool:
    """Whether the process behind a pidfd has ended."""
    poll = select.poll()  # select(2) knows no descriptors above 1,023
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def reap(pidfd: int) -> None:
    """Take the exit status of an ended child, so that it is no zombie."""
    # An adopted monitor is a child of init, which reaps it.
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
