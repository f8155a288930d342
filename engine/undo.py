"""Undoing what was half done: on failure and on cancellation, last step first."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

log = logging.getLogger(__name__)

Undo = Callable[[], Awaitable[object]]


@asynccontextmanager
async def undo_on_error(*, within_seconds: float = 10.0) -> AsyncIterator[list[Undo]]:
    """Collect undo steps; if the block fails or is cancelled, run them last to first.

        async with undo_on_error() as undo:
            await make(link)
            undo.append(lambda: remove(link))

    The error that ended the block is raised again; a failing undo step is logged and the others still run.
    """
    steps: list[Undo] = []
    try:
        yield steps
    except BaseException:
        # Shielded, or Ctrl-C would leak mounts; bounded, or a stuck unmount would hang shutdown.
        with anyio.move_on_after(within_seconds, shield=True):
            for step in reversed(steps):
                try:
                    await step()
                except Exception:  # logged here; the first error is raised below
                    log.exception("undo step failed: %s", step)
        raise
