"""`pycompose-engine uninstall --purge`: the engine ends, and nothing of it stays."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import anyio

from engine.daemon.traces import find_traces, remove_traces
from engine.errors import BadRequest, Conflict, EngineError
from engine.process import wait_pidfd
from engine.state.lock import lock_directory
from engine.state.paths import Paths

_END_SECONDS = 30.0


def check_is_ours(paths: Paths) -> None:
    """Raise `BadRequest` unless the state directory was made by an engine: it is about to be deleted with everything
    in it.
    """
    if paths.root.exists() and not (paths.root / "lock").exists():
        raise BadRequest(f"{paths.root} is not the state directory of an engine", hint="check --state-dir")


async def purge(paths: Paths) -> list[str]:
    """End the engine and its containers, and remove images, volumes, records and all that is in the kernel.

    Return what was removed. Raises `EngineError` when something could not be.
    """
    check_is_ours(paths)
    await _end_engine(paths)
    traces = await find_traces(paths)
    problems = await remove_traces(paths)
    if problems:
        raise EngineError("not everything could be removed: " + "; ".join(problems), hint="try again")
    return [f"removed {line}" for line in traces.lines]


async def _end_engine(paths: Paths) -> None:
    """Ask a running engine to end, and wait for it. Raises `Conflict` when it does not."""
    if not paths.root.exists():
        return
    try:
        os.close(lock_directory(paths.root))
        return  # nobody has it
    except Conflict:
        pid = int((paths.root / "lock").read_text() or 0)
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, ValueError):
        return  # ended meanwhile
    try:
        if not _is_engine(pid):
            raise Conflict(f"process {pid} has the lock of {paths.root}, and is not an engine")
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        with anyio.fail_after(_END_SECONDS):
            await wait_pidfd(descriptor)
    except TimeoutError:
        raise Conflict(f"the engine (process {pid}) does not end", hint="kill it, then try again") from None
    finally:
        os.close(descriptor)


def _is_engine(pid: int) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"engine-daemon" in words or b"pycompose-engine" in words
