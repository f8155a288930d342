"""The stdio of a container or an exec, over a connection that was taken over."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Final

import anyio
import anyio.abc

from engine.wire.frames import STDOUT, Deframer

_READ_BYTES: Final = 64 * 1024


class Hijacked:
    """Reads and writes; `send_eof` ends stdin and leaves the output open. Close it, or use it as a context."""

    def __init__(self, stream: anyio.abc.ByteStream, early: bytes, *, is_tty: bool) -> None:
        self._stream = stream
        self._deframer = None if is_tty else Deframer()
        self._ready: deque[tuple[int, bytes]] = deque(self._split(early))

    async def receive(self) -> tuple[int, bytes]:
        """The next output and its stream: 1 stdout (a tty's only one), 2 stderr. Raises `anyio.EndOfStream`.

        A connection that breaks counts as its end: the exit status tells the rest.
        """
        while not self._ready:
            try:
                self._ready.extend(self._split(await self._stream.receive(_READ_BYTES)))
            except (anyio.BrokenResourceError, OSError) as exc:
                raise anyio.EndOfStream from exc
        return self._ready.popleft()

    async def send(self, data: bytes) -> None:
        """Write to stdin. Raises `anyio.BrokenResourceError` when nobody reads any more."""
        await self._stream.send(data)

    async def send_eof(self) -> None:
        """End stdin."""
        try:
            await self._stream.send_eof()
        except OSError as exc:
            raise anyio.BrokenResourceError from exc

    async def aclose(self) -> None:
        """Close at once, also when cancelled."""
        await anyio.aclose_forcefully(self._stream)

    async def __aenter__(self) -> Hijacked:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _split(self, data: bytes) -> list[tuple[int, bytes]]:
        if self._deframer is None:
            return [(STDOUT, data)] if data else []
        return self._deframer.feed(data)
