"""Between a producer of small chunks and a client: what is ready is sent together, and a slow client slows it down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final, TypeVar

import anyio

T = TypeVar("T")

_FULL_BYTES: Final = 64 * 1024


class Outbox:
    """`fill` runs in a task of its own; `take` gives everything that is ready, or waits for it.

    A chunk is never held back: batches form only while the client is busy with the one before.
    """

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self._chunks = chunks
        self._parts: list[bytes] = []
        self._size = 0
        self._arrived = anyio.Event()
        self._taken = anyio.Event()
        self.is_finished = False
        self.error: Exception | None = None

    async def fill(self) -> None:
        """Run the producer to its end and close it; its failure is kept in `error`."""
        try:
            async with aclosing(self._chunks):
                async for chunk in self._chunks:
                    await self._put(chunk)
        except Exception as exc:  # noqa: BLE001  # given to the client by the connection, logged there
            self.error = exc
        self.is_finished = True
        self._arrived.set()

    async def _put(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._parts.append(chunk)
        self._size += len(chunk)
        self._arrived.set()
        while self._size >= _FULL_BYTES:
            self._taken = anyio.Event()
            await self._taken.wait()

    async def take(self) -> bytes:
        """Everything that is ready; empty when there is no more, ever."""
        while not self._parts and not self.is_finished:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        data = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._taken.set()
        return data


@asynccontextmanager
async def closed_after(items: AsyncIterator[T]) -> AsyncGenerator[AsyncIterator[T], None]:
    """Iterate inside the block; a generator is closed at its end, in the task that ran it."""
    try:
        yield items
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()
