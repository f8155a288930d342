"""What this engine holds open of a container: its process, its monitor, and how it ended."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from msgspec import Struct

from engine.runtime import cgroups, monitor
from engine.runtime.oci.launch import ExitStatus
from engine.runtime.teardown import kill_and_wait, reap

_KILLED = 128 + signal.SIGKILL
_TICK_NS = 10_000_000


class Held(Struct):
    """A container that this engine created or adopted: open pidfds, and its status once it has ended."""

    record: monitor.Record
    pidfd: int | None
    monitor_pidfd: int | None
    status: ExitStatus | None = None

    @classmethod
    def by(cls, record: monitor.Record) -> Held:
        """Open the processes that a record names, those of them that still live."""
        return cls(
            record,
            monitor.open_process(record.pid, record.pid_started),
            monitor.open_process(record.monitor_pid, record.monitor_started),
        )

    def close(self) -> None:
        """Close the pidfds; the container lives on."""
        for descriptor in (self.pidfd, self.monitor_pidfd):
            if descriptor is not None:
                os.close(descriptor)
        self.pidfd = self.monitor_pidfd = None

    async def settle(self, directory: Path) -> None:
        """Learn how the container ended, once its monitor has: from the monitor's files in `directory`."""
        if self.status is not None:
            return
        if self.monitor_pidfd is not None:
            reap(self.monitor_pidfd)
        try:
            exit_code, written_ns = monitor.read_exit(directory)
            # A file's time is that of the last tick: never earlier than what the container did before.
            finished_ns = min(time.time_ns(), written_ns + _TICK_NS)
        except (FileNotFoundError, ValueError):
            # The monitor was killed: its container lost its stdio and its exit code, so it is ended, too.
            if self.pidfd is not None:
                await kill_and_wait(self.pidfd)
            exit_code, finished_ns = _KILLED, time.time_ns()
        was_oom = cgroups.oom_kills(self.record.cgroup) > 0
        self.status = ExitStatus(exit_code, was_oom, finished_ns)
