"""Ending processes and removing what a container leaves: its cgroup in every tree and its files."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
from pathlib import Path

import anyio

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
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    await wait_pidfd(pidfd)


async def end_monitor(pidfd: int, *, within_seconds: float = _MONITOR_SECONDS) -> None:
    """Wait for a monitor whose container has ended; kill it if it hangs (on a client that does not read)."""
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


async def remove_cgroup(cgroup: str) -> None:
    """Kill whatever is in a cgroup and remove it from every tree. Raises `OSError` if it stays busy."""
    for _ in range(_BUSY_ATTEMPTS):
        if await anyio.to_thread.run_sync(cgroups.remove, cgroup):
            return
        members = cgroups.members(cgroup)
        for pid in members:
            await _kill_pid(pid)
        if not members:
            await anyio.sleep(_BUSY_SECONDS)
    raise OSError(f"cgroup {cgroup} cannot be removed: it stays busy")


async def _kill_pid(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            await kill_and_wait(pidfd)
        finally:
            os.close(pidfd)


def remove_files(record: monitor.Record, *directories: Path) -> None:
    """Remove the monitor's and the runtime's directories, and what they put into the bundle. Blocks."""
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
    bundle = Path(record.bundle)
    if record.bundle and bundle not in directories:
        for name in monitor.BUNDLE_FILES:
            (bundle / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it may be the caller's, with more in it
            bundle.rmdir()


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
