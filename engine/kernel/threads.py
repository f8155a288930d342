"""Threads for work that takes a processor or the kernel's locks for some milliseconds and waits for nobody.

More of them at the same time than there are processors only wait for each other: fifty containers that start at once
then take a fifth more processor time. What may wait, for a client, a disk's sync or another machine, belongs into
anyio's own threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

import anyio.to_thread
from anyio.lowlevel import RunVar

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

_MOST: Final = 8
_LIMITER: RunVar[anyio.CapacityLimiter] = RunVar("brief_threads")


async def brief(act: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """Run `act` in a thread, after those who asked before. Cancelled, it waits for the end of what has begun."""
    try:
        limiter = _LIMITER.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(min(2 * len(os.sched_getaffinity(0)), _MOST))
        _LIMITER.set(limiter)
    return await anyio.to_thread.run_sync(act, *arguments, limiter=limiter)
