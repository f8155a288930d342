"""Starting the embedded engine when nobody answers, so that concurrent commands share one.

    connect -> lock the run directory -> connect again -> start -> wait for the engine's word -> connect

The engine inherits the writing end of a pipe and writes a line once it answers; if it fails, the pipe's end says so.
Nothing is polled. This is for commands without an event loop, too; for the others there is `ensure`.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from engine.client.errors import LaunchError
from engine.client.home import EngineHome

START_SECONDS: Final = 60.0
_LOG_LINES: Final = 12
_LOG_BYTES: Final = 16 * 1024


# An engine that was started on demand ends itself after so long without clients and running containers.
_IDLE_SECONDS = "300"


def serve_command(home: EngineHome, ready_descriptor: int) -> tuple[str, ...]:
    """The command that serves `home` and writes a line to the descriptor once it answers."""
    return (
        sys.executable, "-m", "pycompose", "engine-daemon", "serve",
        "--state-dir", str(home.state), "--run-dir", str(home.run), "--ready-fd", str(ready_descriptor),
        "--idle-timeout", _IDLE_SECONDS,
    )  # fmt: skip


class Starting:
    """An engine on its way, which nobody else starts meanwhile.

        if starting := begin(home, environment):
            with starting:
                ...  # meanwhile
                starting.wait()

    Left before it answers, it goes on starting, so that the next command finds it.
    """

    def __init__(self, home: EngineHome, lock: int) -> None:
        self._home = home
        self._lock = lock
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: int | None = None  # readable once it answers or has failed; None: nothing was to be started

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave it alone, and let others start one if it comes to nothing."""
        for descriptor in (self._lock, self.ready):
            if descriptor is not None:
                os.close(descriptor)
        if self._process is not None:
            self._process.returncode = 0  # it is on its own now: nobody waits for it, and nobody is warned of that

    def launch(self, environment: Mapping[str, str]) -> None:
        """Start it, unless somebody else did while we waited for the lock. Raises `LaunchError`."""
        if is_answering(self._home):
            return
        self.ready, told = os.pipe()
        try:
            self._log_start, self._process = _spawn(self._home, environment, told)
        finally:
            os.close(told)

    def wait(self) -> None:
        """Block until it answers. Raises `LaunchError`."""
        if self.ready is not None:
            select.select([self.ready], [], [], START_SECONDS)
            self.settle()

    def settle(self) -> None:
        """See what has become of it, and end it if nothing has; that may block a little. Raises `LaunchError`."""
        assert self._process is not None, "something was started"
        assert self.ready is not None
        if select.select([self.ready], [], [], 0)[0] and os.read(self.ready, 16).startswith(b"ready"):
            return
        _end(self._process)
        if not is_answering(self._home):  # else it lost to an engine that was started in another way
            raise LaunchError(_explain(self._home, self._log_start), hint=f"the whole log is in {self._home.log}")


def begin(home: EngineHome, environment: Mapping[str, str]) -> Starting | None:
    """Have the engine of `home` start, if nobody answers there. Blocks while somebody else starts it.

    It gets `environment` and outlives this process. Raises `LaunchError`.
    """
    if is_answering(home):
        return None
    lock = open_lock(home)
    starting = Starting(home, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        starting.launch(environment)
    except BaseException:
        starting.close()
        raise
    return starting


def is_answering(home: EngineHome) -> bool:
    """Whether somebody listens there. Raises `LaunchError` where that may not be known."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(home.socket))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return False
    except PermissionError as exc:
        raise LaunchError(
            f"no permission to talk to the engine at {home.socket}",
            hint="run the command as root (sudo), or join the group that owns the socket",
        ) from exc
    except OSError as exc:
        raise LaunchError(f"cannot talk to the engine at {home.socket}: {exc.strerror or exc}") from exc
    return True


def open_lock(home: EngineHome) -> int:
    """The descriptor by which who starts the engine is alone with that. Raises `LaunchError`."""
    _make_directories(home)
    try:
        return os.open(home.run / "starting.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise LaunchError(
            f"cannot write to the engine's directory {home.run}: {exc.strerror}", hint=_way_out(exc)
        ) from exc


def _make_directories(home: EngineHome) -> None:
    for directory in (home.state, home.run):
        try:
            directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        except OSError as exc:
            raise LaunchError(
                f"cannot make the engine's directory {directory}: {exc.strerror}", hint=_way_out(exc)
            ) from exc


def _way_out(exc: OSError) -> str:
    if isinstance(exc, PermissionError) and os.geteuid() != 0:
        return "run the command as root (sudo)"
    return "PYCOMPOSE_STATE_DIR and PYCOMPOSE_RUN_DIR name other directories"


def _spawn(home: EngineHome, environment: Mapping[str, str], told: int) -> tuple[int, subprocess.Popen[bytes]]:
    try:
        with home.log.open("ab") as log:
            log_start = log.tell()
            process = subprocess.Popen(
                serve_command(home, told),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**environment, "PYTHONPATH": _python_path(environment)},
                pass_fds=(told,),
                start_new_session=True,
            )
            return log_start, process
    except OSError as exc:
        raise LaunchError(f"cannot start the engine: {exc.strerror}: {exc.filename}") from exc


def _python_path(environment: Mapping[str, str]) -> str:
    """Where the engine finds the same `pycompose` as we did, however that was."""
    import pycompose

    ours = str(Path(pycompose.__file__).resolve().parents[1])
    return os.pathsep.join(part for part in (ours, environment.get("PYTHONPATH", "")) if part)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a failed engine end, by force if it hangs, and reap it."""
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _explain(home: EngineHome, log_start: int) -> str:
    lines = _last_lines(home.log, log_start)
    return "\n".join(["the engine did not start", *(f"  {line}" for line in lines)])


def _last_lines(path: Path, start: int) -> Sequence[str]:
    """The end of what was written since `start`."""
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(start, size - _LOG_BYTES))
        return log.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
