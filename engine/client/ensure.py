"""Starting the embedded engine where an event loop runs."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping

import anyio
import anyio.to_thread

from engine.client.home import EngineHome
from engine.client.launch import START_SECONDS, Starting, is_answering, open_lock


async def ensure_engine(home: EngineHome, *, environment: Mapping[str, str]) -> str:
    """The address of the engine of `home`, which is started if nobody answers there. Raises `LaunchError`.

    A started engine gets `environment` and outlives this process. Cancelled: an engine that was being started goes
    on starting, so that the next command finds it.
    """
    if is_answering(home):
        return home.address
    lock = open_lock(home)
    with Starting(home, lock) as starting:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await anyio.to_thread.run_sync(fcntl.flock, lock, fcntl.LOCK_EX, abandon_on_cancel=True)
        starting.launch(environment)
        if starting.ready is not None:
            with anyio.move_on_after(START_SECONDS):
                await anyio.wait_readable(starting.ready)
            await anyio.to_thread.run_sync(starting.settle)
    return home.address
