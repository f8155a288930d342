"""Further processes in a running container (`docker exec`): the runtime's exec with our pipes, or with a new terminal.

The runtime's inputs are memory files and pipes named through /proc/<engine>/fd, so that nothing is left on disk. crun
stays as the process's parent until the end and passes its exit code on. (In a container that shares the host's
processes it also waits for what the process left in the background.) runc would stand between us and the process and
copy its output, and refuses to make a terminal that way: it and its like leave the process to
`engine.runtime.subreaper`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import signal
import socket
import stat
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
from msgspec import Struct, field

from engine.errors import Conflict, RuntimeFailure
from engine.process import wait_any, wait_pidfd
from engine.runtime import cgroups, subreaper
from engine.runtime.console import STDERR, STDOUT
from engine.runtime.facts import host_facts
from engine.runtime.failures import NOT_EXECUTABLE, NOT_FOUND, exec_failure, not_executable, not_found, program_failure
from engine.runtime.monitor import Record
from engine.runtime.oci.launch import ExecLaunch
from engine.runtime.oci.spec import capability_sets, environment, user
from engine.runtime.pidfile import PidPipe
from engine.runtime.rootfs import root_directory, status_inside
from engine.runtime.surroundings import Surroundings

_CHUNK = 1 << 15


class _Ends(Struct):
    """Our descriptors of one exec; `outputs` maps the readable ones to their stream."""

    stdin: int | None = None
    outputs: dict[int, int] = field(default_factory=dict)
    is_terminal: bool = False


class ExecProcess:
    """A process in a container with its stdio: a `Console`, and how it ends. Close it in any case (`aclose`)."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes], pidfd: int, ends: _Ends) -> None:
        self.pid = pid
        self._child = child
        self._pidfd = pidfd
        self._ends = ends

    async def receive(self) -> tuple[int, bytes]:
        """The next output. Raises `anyio.EndOfStream` when the process has ended and all is read.

        A descendant in the background that still holds the pipes does not delay the end.
        """
        while self._ends.outputs:
            has_ended = self._child.poll() is not None
            chunk = self._read_now()
            if chunk is not None:
                return chunk
            if not self._ends.outputs or has_ended:
                break
            await wait_any(*self._ends.outputs, self._pidfd)
        raise anyio.EndOfStream

    async def send(self, data: bytes) -> None:
        """Write to the process's stdin. Raises `anyio.BrokenResourceError` when it reads no more."""
        view = memoryview(data)
        while view:
            if self._ends.stdin is None:
                raise anyio.BrokenResourceError
            try:
                view = view[os.write(self._ends.stdin, view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._ends.stdin)
            except OSError as exc:
                raise anyio.BrokenResourceError from exc

    async def send_eof(self) -> None:
        """End the process's stdin. A terminal has no end: who is gone from it may have left it on purpose."""
        if self._ends.stdin is None or self._ends.is_terminal:
            return
        _close(self._ends.stdin)
        self._ends.stdin = None

    async def wait(self) -> int:
        """Wait for the end: the exit code, 128 + n for signal n."""
        if self._child.poll() is None:
            await wait_pidfd(self._pidfd)
        code = self._child.wait()
        return code if code >= 0 else 128 - code

    async def resize(self, height: int, width: int) -> None:
        """Set the size of the process's terminal; ignored without one."""
        if self._ends.is_terminal:
            for descriptor in self._ends.outputs:
                _set_size(descriptor, height, width)

    async def aclose(self) -> None:
        """Close our ends, as a terminal that is hung up. The process itself goes on and is reaped when it ends."""
        for descriptor in {*self._ends.outputs, self._ends.stdin} - {None}:
            _close(descriptor)
        self._ends.outputs.clear()
        self._ends.stdin = None

    def __del__(self) -> None:
        os.close(self._pidfd)

    def _read_now(self) -> tuple[int, bytes] | None:
        for descriptor, stream in list(self._ends.outputs.items()):
            try:
                chunk = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                continue
            except OSError as exc:
                # A terminal whose last user has gone answers EIO.
                if exc.errno != errno.EIO:
                    raise
                chunk = b""
            if chunk:
                return stream, chunk
            del self._ends.outputs[descriptor]
            if descriptor != self._ends.stdin:
                _close(descriptor)
        return None


async def start_exec(
    surroundings: Surroundings, launch: ExecLaunch, *, record: Record, state: Path, directory: Path
) -> ExecProcess:
    """Start a process in the container of `record`. Raises `RuntimeFailure`, or `Conflict` if the container is gone."""
    cgroups.hasten_moves()
    process = await anyio.to_thread.run_sync(_process, launch, record)
    with contextlib.ExitStack() as stack:
        attempt = _Attempt(stack, directory, detaches=not surroundings.is_crun)
        words = attempt.words(process, state, record.container_id, is_terminal=launch.terminal)
        ends, given = _make_ends(launch, stack)
        child = await anyio.to_thread.run_sync(partial(surroundings.start, words, under=attempt.under, **given))
        pidfd = os.pidfd_open(child.pid)
        try:
            if launch.terminal:
                terminal = await attempt.receive_terminal(pidfd)
                if terminal is not None:
                    ends.stdin = terminal
                    ends.outputs[terminal] = STDOUT
            pid = await attempt.started_pid(pidfd)
            if pid == 0:
                child.wait()
                raise exec_failure(attempt.complaints(), launch.arguments[0])
        except BaseException:
            _abandon(child, pidfd, ends)
            raise
    return ExecProcess(pid, child, pidfd, ends)


class _Attempt:
    """What one start of `crun exec` is told by files and reports by: closed as soon as the process runs.

    A runtime that `detaches` is started by the words `under`.
    """

    def __init__(self, stack: contextlib.ExitStack, directory: Path, *, detaches: bool) -> None:
        self._stack = stack
        self._directory = directory
        self._log = self._own(os.memfd_create("log", os.MFD_CLOEXEC))
        self._pid = PidPipe(stack)
        self._pid_file = self._pid.name
        self.under: tuple[str, ...] = ()
        if detaches:
            self._pid_file = str(directory / f"exec-{secrets.token_hex(6)}.pid")
            stack.callback(Path(self._pid_file).unlink, missing_ok=True)
            self.under = subreaper.command(self._pid_file, self._pid.name)
        self._listener: socket.socket | None = None

    def words(self, process: Mapping[str, Any], state: Path, container_id: str, *, is_terminal: bool) -> list[str]:
        """The runtime's arguments."""
        spec = self._own(os.memfd_create("process", os.MFD_CLOEXEC))
        os.write(spec, msgspec.json.encode(process))
        words = [f"--root={state}", f"--log={_name(self._log)}", "exec"]
        words += [f"--process={_name(spec)}", f"--pid-file={self._pid_file}"]
        if self.under:
            words.append("--detach")
        if is_terminal:
            words += ["--tty", f"--console-socket={self._listen()}"]
        return [*words, container_id]

    async def receive_terminal(self, pidfd: int) -> int | None:
        """The master of the process's terminal; None if the runtime ended before it made one."""
        assert self._listener is not None
        await wait_any(self._listener.fileno(), pidfd)
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return None
        with connection:
            await wait_any(connection.fileno(), pidfd)
            connection.setblocking(False)
            descriptors = socket.recv_fds(connection, 4096, 1)[1]
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
            os.set_blocking(descriptor, False)
        return descriptors[0] if descriptors else None

    async def started_pid(self, pidfd: int) -> int:
        """The pid of the process once the runtime has everything ready; 0 if it ended without getting there."""
        await wait_any(self._pid.descriptor, pidfd)
        return self._pid.read()

    def complaints(self) -> str:
        """What the runtime logged."""
        size = os.fstat(self._log).st_size
        return os.pread(self._log, size, 0).decode(errors="replace")

    def _own(self, descriptor: int) -> int:
        self._stack.callback(os.close, descriptor)
        return descriptor

    def _listen(self) -> str:
        name = f"exec-{secrets.token_hex(6)}"
        # By descriptor on both sides, because sun_path has 108 bytes and the directory's path may be longer.
        place = self._own(os.open(self._directory, os.O_PATH | os.O_CLOEXEC))
        self._listener = self._stack.enter_context(
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        )
        self._listener.bind(f"{_name(place)}/{name}")
        self._stack.callback((self._directory / name).unlink, missing_ok=True)
        self._listener.listen(1)
        return f"{_name(place)}/{name}"


def _name(descriptor: int) -> str:
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _make_ends(launch: ExecLaunch, stack: contextlib.ExitStack) -> tuple[_Ends, dict[str, Any]]:
    """Our ends of the process's stdio, and the child's, which close with `stack`."""
    if launch.terminal:
        null = subprocess.DEVNULL
        return _Ends(is_terminal=True), {"stdin": null, "stdout": null, "stderr": null}
    ends = _Ends()
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL}
    if launch.stdin:
        given["stdin"], ends.stdin = os.pipe()
        os.set_blocking(ends.stdin, False)
        stack.callback(os.close, given["stdin"])
    for name, stream in (("stdout", STDOUT), ("stderr", STDERR)):
        readable, given[name] = os.pipe()
        os.set_blocking(readable, False)
        ends.outputs[readable] = stream
        stack.callback(os.close, given[name])
    return ends, given


def _abandon(child: subprocess.Popen[bytes], pidfd: int, ends: _Ends) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    child.wait()
    os.close(pidfd)
    for descriptor in {*ends.outputs, ends.stdin} - {None}:
        _close(descriptor)


def _process(launch: ExecLaunch, record: Record) -> dict[str, Any]:
    """The OCI `process` of an exec: the container's own, with what the launch says. Looks its program up."""
    container = _container_process(record)
    working_dir = launch.working_dir or container["cwd"]
    _check_program(launch, record.pid, working_dir)
    process: dict[str, Any] = {
        "terminal": launch.terminal,
        "user": user(launch.identity),
        "args": list(launch.arguments),
        "env": environment(launch.environment, launch.identity),
        "cwd": working_dir,
        "capabilities": container["capabilities"],
        "noNewPrivileges": container.get("noNewPrivileges", False),
    }
    if launch.privileged:
        process["capabilities"] = capability_sets(sorted(host_facts().capabilities))
    if launch.terminal and launch.height and launch.width:
        process["consoleSize"] = {"height": launch.height, "width": launch.width}
    for name in ("rlimits", "apparmorProfile", "oomScoreAdj"):
        if name in container:
            process[name] = container[name]
    return process


def _container_process(record: Record) -> dict[str, Any]:
    try:
        spec = msgspec.json.decode((Path(record.bundle) / "config.json").read_bytes())
    except FileNotFoundError as exc:
        raise Conflict(f"container {record.container_id} is not running") from exc
    process: dict[str, Any] = spec["process"]
    return process


def _check_program(launch: ExecLaunch, pid: int, working_dir: str) -> None:
    """Find the program as the process would, because the runtime's own complaint comes late and reads otherwise."""
    program = launch.arguments[0]
    if not working_dir.startswith("/"):
        raise RuntimeFailure("OCI runtime exec failed: exec failed: Cwd must be an absolute path", exit_code=128)
    if any(variable.startswith("=") for variable in launch.environment):
        raise program_failure("invalid environment variable: name cannot be empty", 128)
    try:
        with root_directory(Path(f"/proc/{pid}/root")) as root:
            found = [status for path in _candidates(launch, working_dir) if (status := status_inside(root, path))]
    except FileNotFoundError as exc:
        raise Conflict("the container is not running") from exc
    if not found:
        raise program_failure(not_found(program), NOT_FOUND)
    files = [status.st_mode for status in found if not stat.S_ISDIR(status.st_mode)]
    if not files:
        raise program_failure(not_executable(program, "is a directory: permission denied"), NOT_EXECUTABLE)
    if not any(mode & 0o111 for mode in files):
        raise program_failure(not_executable(program), NOT_EXECUTABLE)


def _candidates(launch: ExecLaunch, working_dir: str) -> Iterator[str]:
    program = launch.arguments[0]
    if "/" in program:
        yield str(Path(working_dir, program))
        return
    search = next((entry[5:] for entry in launch.environment if entry.startswith("PATH=")), "")
    for place in (search or "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(":"):
        yield str(Path(working_dir, place or ".", program))


def _set_size(terminal: int, height: int, width: int) -> None:
    with contextlib.suppress(OSError):  # the process has just hung up
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        anyio.notify_closing(descriptor)
        os.close(descriptor)
