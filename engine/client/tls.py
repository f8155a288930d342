"""TLS whose sending side can be closed alone, which anyio's cannot: it tells the end of a container's input."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import anyio.abc
from anyio.streams.tls import TLSAttribute, TLSStream


class HalfClosingStream(anyio.abc.ByteStream):
    """A `TLSStream` with `send_eof`."""

    def __init__(self, stream: TLSStream) -> None:
        self._stream = stream

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._stream.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        """Say farewell (TLS's close_notify) and go on reading, as RFC 8446 section 6.1 allows."""
        with contextlib.suppress(ssl.SSLWantReadError):  # the other side has not said farewell: it need not
            self._stream.extra(TLSAttribute.ssl_object).unwrap()
        # `receive` would send it as well, but may be waiting already.
        await self._stream.transport_stream.send(self._stream._write_bio.read())

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes
