"""WebSockets (RFC 6455) for `attach/ws`: browsers can open no other connection that carries bytes both ways."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.abc

from engine.errors import BadRequest


def upgrade_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers that accept a client's handshake. Raises `BadRequest` for a request that is none."""
    # Not at the engine's start: few clients ever come this way.
    from wsproto.utilities import generate_accept_token

    key = headers.get("sec-websocket-key", "")
    if headers.get("upgrade", "").lower() != "websocket" or not key:
        raise BadRequest("not a websocket handshake", hint="use a WebSocket client")
    if headers.get("sec-websocket-version") != "13":
        raise BadRequest("the websocket's version is not supported", hint="use version 13, that of RFC 6455")
    token = generate_accept_token(key.encode("latin-1")).decode("ascii")
    return (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", token))


class WebSocketStream(anyio.abc.ByteStream):
    """The payload of a connection's messages as a stream of bytes; each piece that is sent is a message."""

    def __init__(self, stream: anyio.abc.ByteStream, *, is_text: bool) -> None:
        from wsproto.connection import Connection, ConnectionType

        self._stream = stream
        self._protocol = Connection(ConnectionType.SERVER)
        self._is_text = is_text
        self._received: list[bytes] = []
        self._is_closed = False
        # Answers to pings are sent by who receives.
        self._sending = anyio.Lock()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Some of what the client sent. Raises `anyio.EndOfStream` once it closed."""
        while not self._received:
            if self._is_closed:
                raise anyio.EndOfStream
            await self._take(await self._stream.receive(max_bytes))
        return self._received.pop(0)

    async def send(self, item: bytes) -> None:
        """Send a message; one of text where old clients expect it, which cannot tell bytes."""
        from wsproto.events import BytesMessage, TextMessage

        if self._is_closed:
            raise anyio.BrokenResourceError
        await self._send(TextMessage(item.decode(errors="replace")) if self._is_text else BytesMessage(item))

    async def send_eof(self) -> None:
        """Say that nothing follows: a WebSocket has no half that could stay open."""
        from wsproto.events import CloseConnection

        if not self._is_closed:
            self._is_closed = True
            # Who is gone already need not be told.
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._send(CloseConnection(1000))

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    async def _send(self, event: Any) -> None:
        async with self._sending:
            await self._stream.send(self._protocol.send(event))

    async def _take(self, data: bytes) -> None:
        from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
        from wsproto.utilities import RemoteProtocolError

        try:
            self._protocol.receive_data(data)
            for event in self._protocol.events():
                match event:
                    case BytesMessage():
                        self._received.append(bytes(event.data))
                    case TextMessage():
                        self._received.append(event.data.encode())
                    case Ping() | CloseConnection():
                        self._is_closed = self._is_closed or isinstance(event, CloseConnection)
                        await self._send(event.response())
                    case _:
                        continue
        except RemoteProtocolError as exc:
            raise anyio.BrokenResourceError from exc
