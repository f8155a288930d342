"""A call whose messages are the pieces of a byte stream, as a byte stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.abc

from engine.buildkit.messages.control_pb2 import BytesMessage
from engine.buildkit.transport.calls import Call
from engine.buildkit.transport.http2 import StreamEnded


class Tunnel(anyio.abc.ByteStream):
    """Of `BytesMessage`s in both directions."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._rest = b""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Some bytes. Raises `anyio.EndOfStream`, `anyio.BrokenResourceError`."""
        while not self._rest:
            try:
                self._rest = (await self._call.receive(BytesMessage)).data
            except StreamEnded as exc:
                raise anyio.BrokenResourceError from exc
        data, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
        return data

    async def send(self, item: bytes) -> None:
        """Send bytes. Raises `anyio.BrokenResourceError`."""
        try:
            await self._call.send(BytesMessage(data=item))
        except StreamEnded as exc:
            raise anyio.BrokenResourceError from exc

    async def send_eof(self) -> None:
        """The call's end says so."""

    async def aclose(self) -> None:
        """Nothing to close but the call, which is its handler's."""

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return {}
