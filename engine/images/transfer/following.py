"""Telling of work that threads do, and calling it off when nobody wants it any more."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

import anyio

from engine.errors import EngineError
from engine.images.transfer.feed import Feed
from engine.wire.images import Progress

_CLEAN_UP_SECONDS: Final = 10.0
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Work(Protocol):
    """One thing that a thread does; when it is settled, `error` says how it ended. It wakes its feeds then."""

    @property
    def error(self) -> BaseException | None: ...
    @property
    def is_settled(self) -> bool: ...
    def leave(self, feed: Feed) -> bool:
        """Stop telling a feed; return whether that called the work off, because nobody else listens."""
        ...

    async def wait_settled(self) -> None:
        """Wait until the work has ended."""
        ...


async def follow(works: Sequence[Work], feed: Feed) -> AsyncIterator[Progress]:
    """Yield the feed's lines until all works have ended. Raises the first error."""
    pending = list(works)
    while pending:
        # Settled before the lines are taken: work settles after its last line.
        settled = [work for work in pending if work.is_settled]
        for line in feed.take():
            yield line
        for work in settled:
            if work.error is not None:
                raise _plain(work.error)
            pending.remove(work)
        if pending and not any(work.is_settled for work in pending):
            await feed.wait()


async def leave(works: Sequence[Work], feed: Feed) -> None:
    """Stop listening; wait for what that called off, so that its files are gone when this returns."""
    abandoned = [work for work in works if work.leave(feed)]
    if abandoned:
        # Shielded, or a cancelled pull would be gone before its files are; bounded, or a dead disk would hang us.
        with anyio.move_on_after(_CLEAN_UP_SECONDS, shield=True):
            for work in abandoned:
                await work.wait_settled()


def _plain(error: BaseException) -> BaseException:
    if isinstance(error, OSError):
        hint = "make room: `docker system prune` removes what nobody uses" if error.errno in _NO_ROOM else None
        return EngineError(f"layer cannot be stored: {error.strerror}", hint=hint)
    return error
