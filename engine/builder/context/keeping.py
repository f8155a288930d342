"""Contexts that stay here between builds, so that a client has to send only what has changed since.

A kept context is a directory of files and a mark of each, by which it is seen whether the client's file is still the
same. One build at a time has it and brings it up to date first; another one that comes meanwhile does without. What is
in memory stays for an hour without a build, what is on the disk for two days, and all of it together within bounds.
Nothing of it outlives the engine.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from engine.builder.context.intake import feed, renew, spare_bytes, take_in
from engine.builder.context.tree import Tree
from engine.builder.context.workspace import TEMPORARY, clear
from engine.errors import EngineError
from engine.state.names import new_id

log = logging.getLogger(__name__)

_CONTEXT: Final = "context"
_MEMORY_SECONDS: Final = 3600.0
_DISK_SECONDS: Final = 48 * 3600.0
_MOST_DISK_BYTES: Final = 2 << 30
_MOST: Final = 64
# Marks and digests are kept in the engine's memory, about 500 bytes for each file.
MOST_FILES: Final = 100_000


class Kept:
    """One context. `marks` says what is there, by path; nothing as long as it was never filled."""

    def __init__(self, key: str, name: str, place: Path) -> None:
        self.id = new_id()
        self.key = key
        self.name = name
        self.place = place
        self.marks: Mapping[str, bytes] = {}
        self._digests: dict[str, str] = {}
        self.size_bytes = 0
        self.created_ns = self.used_ns = time.time_ns()
        self.uses = 0
        self.in_use = True
        self.is_in_memory = False
        self.is_whole = False
        self.idle_since = math.inf

    async def fill(self, chunks: AsyncIterator[bytes], stale: Sequence[str]) -> Tree:
        """Remove what is stale, unpack an archive of what is new, and return the files.

        Say with `settle` that all of it has come. Raises `BadRequest`, `EngineError`.
        """
        self.is_whole = False
        take = partial(renew, place=self.place, stale=stale) if self.uses else partial(take_in, place=self.place)
        self.uses += 1
        root = self.place / _CONTEXT
        for name in stale:
            self._digests.pop(f"{root}/{name}", None)
        await feed(chunks, take)
        return Tree(root, digests=self._digests)

    def settle(self, marks: Mapping[str, bytes], size_bytes: int) -> None:
        """These are the files now. Without it the context is thrown away after the build."""
        self.marks = marks
        self.size_bytes = size_bytes
        self.is_whole = len(marks) <= MOST_FILES


class Lending:
    """The contexts that one build has."""

    def __init__(self, contexts: Contexts) -> None:
        self.lent: list[Kept] = []
        self._contexts = contexts

    def take(self, name: str, client: str) -> Kept | None:
        """The client's context of that name, empty at first; None while another build has it, or if the client does
        not say who it is.
        """
        kept = self._contexts.take(f"{name}\0{client}", name) if client else None
        self.lent += [kept] if kept else []
        return kept


class Contexts:
    """Those of one engine, below the directory of its builds. `expire` runs in a task."""

    def __init__(self, builds: Path) -> None:
        self._root = builds / TEMPORARY
        self._kept: dict[str, Kept] = {}
        self._changed = anyio.Event()
        self._is_over = False

    def __iter__(self) -> Iterator[Kept]:
        return iter(list(self._kept.values()))

    @asynccontextmanager
    async def lending(self) -> AsyncIterator[Lending]:
        """What a build takes in the block is its own until the end of it."""
        lending = Lending(self)
        try:
            yield lending
        finally:
            with anyio.CancelScope(shield=True):
                for kept in lending.lent:
                    await self._take_back(kept)
                await self._bound()

    def take(self, key: str, name: str) -> Kept | None:
        """A context for a build; None if another build has it."""
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = Kept(key, name, self._root / f"kept-{new_id()[:16]}")
        elif kept.in_use:
            return None
        kept.in_use = True
        return kept

    async def remove(self, kept: Kept) -> int:
        """Delete a context that no build has; returns the bytes that this freed: none if it is gone already."""
        if self._kept.get(kept.key) is not kept:
            return 0
        del self._kept[kept.key]
        await anyio.to_thread.run_sync(clear, kept.place)
        return kept.size_bytes

    async def expire(self) -> None:
        """Delete what was not used for its time; ends when cancelled, and then deletes everything."""
        try:
            while True:
                changed = self._changed
                with anyio.move_on_at(min((_end_of(kept) for kept in self), default=math.inf)):
                    await changed.wait()
                now = anyio.current_time()
                await self._remove_all(kept for kept in self if _end_of(kept) <= now)
        finally:
            self._is_over = True  # builds that still go on leave nothing either
            with anyio.CancelScope(shield=True):
                await self._remove_all(kept for kept in self if not kept.in_use)

    async def _take_back(self, kept: Kept) -> None:
        kept.in_use = False
        if self._is_over or not kept.is_whole:
            await self._remove_all([kept])
            return
        kept.is_in_memory = await anyio.to_thread.run_sync(kept.place.is_mount)
        kept.used_ns = time.time_ns()
        kept.idle_since = anyio.current_time()
        self._changed.set()
        self._changed = anyio.Event()

    async def _bound(self) -> None:
        """Delete those that were not used for the longest time as long as there is too much."""
        idle = [kept for kept in self if not kept.in_use]
        if taken := sum(kept.size_bytes for kept in idle if kept.is_in_memory):
            taken = await anyio.to_thread.run_sync(spare_bytes, taken)
        await self._remove_all(beyond(idle, taken))

    async def _remove_all(self, contexts: Iterable[Kept]) -> None:
        for kept in contexts:
            try:
                await self.remove(kept)
            except (EngineError, OSError):
                log.exception("a context that was kept cannot be deleted")  # the next engine's start tries again


def beyond(idle: Iterable[Kept], memory_bytes: int) -> list[Kept]:
    """Those of the contexts that are too much, where so many bytes may be in memory: the ones used least recently."""
    memory_left, disk_left, files_left, count_left = memory_bytes, _MOST_DISK_BYTES, MOST_FILES, _MOST
    found: list[Kept] = []
    for kept in sorted(idle, key=lambda kept: kept.idle_since, reverse=True):
        memory_left -= kept.size_bytes if kept.is_in_memory else 0
        disk_left -= 0 if kept.is_in_memory else kept.size_bytes
        files_left -= len(kept.marks)
        count_left -= 1
        if min(memory_left, disk_left, files_left, count_left) < 0:
            found.append(kept)
    return found


def _end_of(kept: Kept) -> float:
    """When a context has been idle for too long, in the loop's time."""
    return math.inf if kept.in_use else kept.idle_since + (_MEMORY_SECONDS if kept.is_in_memory else _DISK_SECONDS)
