"""conmon, the monitor of one container: its command line, its files, its first report, and what we note about it.

conmon starts the runtime, owns the container's stdio and log, and writes the exit code to a file. It outlives the
engine. Its directory `<paths.runtime>/<id>` holds `pid` and `exit` (by conmon) and `record.json` (ours, a line for each
step; the next engine adopts the container from the last). Its sockets (`attach`, `ctl`, `winsz`) are in the bundle.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct

from engine.errors import RuntimeFailure
from engine.kernel.smallfiles import contents, write
from engine.process import find_tool
from engine.runtime import criu
from engine.runtime.oci.launch import Launch
from engine.wire.typed import from_json

BUNDLE_FILES = ("config.json", "attach", "ctl", "winsz")
_REPORT_LIMIT = 1 << 16
# conmon stamps log lines in local time; in UTC every line's offset is the same.
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "LC_ALL": "C"}


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to find a container again. Start times (proc_pid_stat(5), field 22) tell a reused pid.

    `runtime` is the name of its OCI runtime, "" the default one.
    """

    container_id: str
    bundle: str
    cgroup: str
    runtime: str = ""
    is_terminal: bool = False
    pid: int = 0
    pid_started: int = 0
    monitor_pid: int = 0
    monitor_started: int = 0


class Starting(Struct, frozen=True):
    """A monitor that has just been spawned: its report comes on `report`, its complaints on `complaints`."""

    pid: int
    pidfd: int
    report: int
    complaints: int

    def close_pipes(self) -> None:
        """Close what only matters until the report is in."""
        os.close(self.report)
        os.close(self.complaints)


class Report(msgspec.Struct, frozen=True):
    """conmon's line on the sync pipe: the container's pid, or a negative number and the runtime's words."""

    data: int = 0
    message: str = ""


def spawn(launch: Launch, directory: Path, runtime: Sequence[str], runtime_arguments: Sequence[str]) -> Starting:
    """Start conmon, which at once creates the container, or restores it. Blocks for the fork only. Raises `OSError`."""
    report, report_end = os.pipe()
    complaints, complaints_end = os.pipe()
    try:
        child = subprocess.Popen(
            command(launch, directory, runtime, runtime_arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints_end,
            pass_fds=(report_end,),
            env={**environment(with_criu=launch.restored_from is not None), "_OCI_SYNCPIPE": str(report_end)},
            cwd=directory,
        )
    except BaseException:
        os.close(report)
        os.close(complaints)
        raise
    finally:
        os.close(report_end)
        os.close(complaints_end)
    pidfd = os.pidfd_open(child.pid)
    # It is reaped through its pidfd, possibly by another engine: `subprocess` need not care when `child` goes.
    child.returncode = 0
    return Starting(child.pid, pidfd, report, complaints)


def environment(*, with_criu: bool) -> dict[str, str]:
    """The environment of monitors, and of runtimes that need CRIU. Raises `Unavailable` where that is not."""
    if not with_criu:
        return _ENVIRONMENT
    return {**_ENVIRONMENT, "PATH": criu.path_with_criu(_ENVIRONMENT["PATH"])}


def command(launch: Launch, directory: Path, runtime: Sequence[str], runtime_arguments: Sequence[str]) -> list[str]:
    """The monitor's command line; `runtime` and `runtime_arguments` start the runtime. Raises `Unavailable`."""
    words = [str(find_tool("conmon")), "--sync", "--api-version", "1", "--full-attach", "--no-sync-log"]
    words += ["-c", launch.container_id, "-u", launch.container_id, "-b", str(launch.bundle)]
    words += ["-p", str(directory / "pid"), "--persist-dir", str(directory)]
    words += ["-l", f"k8s-file:{launch.log_path}" if launch.log_path else "off"]
    if launch.journal is not None:
        words += ["-l", "journald", "--log-tag", launch.journal.tag, "-n", launch.journal.name]
    if launch.terminal:
        words.append("-t")
    if launch.stdin_open:
        words.append("-i")
        if not launch.stdin_once:
            words.append("--leave-stdin-open")
    if launch.restored_from is not None:
        words += ["--restore", str(launch.restored_from)]
        words += [f"--runtime-opt={option}" for option in criu.RESTORE_OPTIONS]
    words += ["-r", runtime[0]]
    for argument in (*runtime[1:], *runtime_arguments):
        words.append(f"--runtime-arg={argument}")
    return words


async def first_report(starting: Starting) -> int:
    """Wait until the container is created; returns its pid. Raises `RuntimeFailure` with the runtime's words."""
    text = b""
    while not text.endswith(b"\n") and len(text) < _REPORT_LIMIT:
        await anyio.wait_readable(starting.report)
        chunk = os.read(starting.report, 4096)
        if not chunk:
            break
        text += chunk
    try:
        report = from_json(text, Report)
    except msgspec.DecodeError:
        report = Report(-1, text.decode(errors="replace"))
    if report.data > 0:
        return report.data
    raise RuntimeFailure(report.message.strip() or _complaints(starting) or "the container's monitor died")


def _complaints(starting: Starting) -> str:
    os.set_blocking(starting.complaints, False)
    with contextlib.suppress(BlockingIOError):
        return os.read(starting.complaints, _REPORT_LIMIT).decode(errors="replace").strip()
    return ""


def read_record(directory: Path) -> Record | None:
    """The last note of a container, or None where there is none (or only half of one)."""
    try:
        lines = contents(directory / "record.json").split(b"\n")
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        with contextlib.suppress(msgspec.DecodeError):
            return from_json(line, Record)
    return None


def write_record(directory: Path, record: Record) -> None:
    """Note a container, in a line below what was noted before: who dies here leaves that.

    Not synced: the directory does not outlive the boot, and neither does the container.
    """
    write(directory / "record.json", msgspec.json.encode(record) + b"\n", flags=os.O_APPEND)


def read_exit(directory: Path) -> tuple[int, int]:
    """The exit code that the monitor has written, and when (ns). Raises `FileNotFoundError`, `ValueError`."""
    descriptor = os.open(directory / "exit", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 64)), os.fstat(descriptor).st_mtime_ns
    finally:
        os.close(descriptor)


def started_at(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if there is none."""
    try:
        text = contents(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text[text.rindex(b")") + 2 :].split(b" ", 20)[19])


def open_new(pid: int) -> tuple[int | None, int]:
    """A pidfd of a process that has just been made, and when it started; None and 0 if it has ended and is reaped."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None, 0
    return pidfd, started_at(pid)


def open_process(pid: int, started: int) -> int | None:
    """A pidfd of a process, if it is still the one that started then."""
    if pid <= 0:
        return None
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if started_at(pid) != started:
        os.close(pidfd)
        return None
    return pidfd
