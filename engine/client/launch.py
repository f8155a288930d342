"""Starting the embedded engine when nobody answers, so that concurrent commands share one.

    connect -> lock the run directory -> connect again -> start -> wait for the engine's word -> connect

The engine inherits the writing end of a pipe and writes a line once it answers; if it fails, the pipe's end says so.
Nothing is polled.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio

from engine.client.errors import LaunchError
from engine.client.home import EngineHome

_START_SECONDS: Final = 60.0
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


async def ensure_engine(home: EngineHome, *, environment: Mapping[str, str]) -> str:
    """The address of the engine of `home`, which is started if nobody answers there. Raises `LaunchError`.

    A started engine gets `environment` and outlives this process. Cancelled: an engine that was being started goes
    on starting, so that the next command finds it.
    """
    if await _answers(home):
        return home.address
    _make_directories(home)
    async with _only_starter(home):
        if not await _answers(home):  # else somebody started it while we waited for the lock
            await _start(home, environment)
    return home.address


async def _answers(home: EngineHome) -> bool:
    try:
        stream = await anyio.connect_unix(home.socket)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return False
    except PermissionError as exc:
        raise LaunchError(
            f"no permission to talk to the engine at {home.socket}",
            hint="run the command as root (sudo), or join the group that owns the socket",
        ) from exc
    except OSError as exc:
        raise LaunchError(f"cannot talk to the engine at {home.socket}: {exc.strerror or exc}") from exc
    await anyio.aclose_forcefully(stream)
    return True


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


@asynccontextmanager
async def _only_starter(home: EngineHome) -> AsyncGenerator[None, None]:
    """Hold the run directory's starting lock; others wait for it in a thread."""
    try:
        descriptor = os.open(home.run / "starting.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise LaunchError(
            f"cannot write to the engine's directory {home.run}: {exc.strerror}", hint=_way_out(exc)
        ) from exc
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await anyio.to_thread.run_sync(fcntl.flock, descriptor, fcntl.LOCK_EX, abandon_on_cancel=True)
        yield
    finally:
        os.close(descriptor)


async def _start(home: EngineHome, environment: Mapping[str, str]) -> None:
    ready, told = os.pipe()
    try:
        try:
            log_start, process = _spawn(home, environment, told)
        finally:
            os.close(told)
        with anyio.move_on_after(_START_SECONDS) as patience:
            await anyio.wait_readable(ready)
        is_ready = not patience.cancelled_caught and os.read(ready, 16).startswith(b"ready")
    finally:
        os.close(ready)
    if is_ready:
        process.returncode = 0  # it is on its own now: nobody waits for it, and nobody is warned of that
        return
    await anyio.to_thread.run_sync(_end, process)
    if await _answers(home):
        return  # it lost to an engine that was started in another way
    raise LaunchError(_explain(home, log_start), hint=f"the whole log is in {home.log}")


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
