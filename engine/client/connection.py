"""One connection to an engine: one request after another, or taken over for stdio."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import anyio
import anyio.abc
import h11
from msgspec import Struct

from engine.client.errors import EngineUnreachable
from engine.wire.framing import client_connection
from engine.wire.http import READ_BYTES, header_texts

_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)

Body = bytes | AsyncIterator[bytes]


class Head(Struct, frozen=True):
    """The beginning of an answer."""

    status: int
    headers: Mapping[str, str]


class EngineConnection:
    """Speaks HTTP/1.1 over one byte stream. Not shared: one user at a time."""

    def __init__(self, stream: anyio.abc.ByteStream, address: str) -> None:
        self._stream = stream
        self._address = address
        self._http = client_connection()

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: Body = b"") -> Head:
        """Send a request and read the answer's head. Raises `EngineUnreachable`."""
        request = h11.Request(method=method, target=target, headers=[*headers, *_framing(method, body)])
        data = self._http.send(request) or b""
        if isinstance(body, bytes):
            if body:
                data += self._http.send(h11.Data(data=body)) or b""
            await self._write(data + (self._http.send(h11.EndOfMessage()) or b""))
        else:
            await self._upload(data, body)
        return await self._read_head()

    async def _upload(self, data: bytes, body: AsyncIterator[bytes]) -> None:
        await self._write(data)
        async for chunk in body:
            if chunk and not await self._write(self._http.send(h11.Data(data=chunk)) or b""):
                return  # nobody reads the rest, so nobody needs to produce it
        await self._write(self._http.send(h11.EndOfMessage()) or b"")

    async def _read_head(self) -> Head:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response) or (
                isinstance(event, h11.InformationalResponse) and event.status_code == 101
            ):
                return Head(event.status_code, header_texts(event.headers))
            if not isinstance(event, h11.InformationalResponse):
                raise EngineUnreachable(self._address, "it closed the connection without an answer")

    async def read(self) -> bytes:
        """The next piece of the answer's body, empty at its end. Raises `EngineUnreachable` if it breaks off."""
        while True:
            event = await self._next_event()
            if not isinstance(event, h11.Data):
                return b""
            if event.data:
                return bytes(event.data)

    async def _next_event(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._receive())
        except h11.RemoteProtocolError as exc:
            raise EngineUnreachable(self._address, f"the answer broke off or is not HTTP ({exc})") from exc
        return event

    async def _receive(self) -> bytes:
        try:
            return await self._stream.receive(READ_BYTES)
        except anyio.EndOfStream:
            return b""
        except _BROKEN as exc:
            raise EngineUnreachable(self._address, "the connection broke") from exc

    async def _write(self, data: bytes) -> bool:
        """Send; return False if the engine does not read on because it has answered already."""
        try:
            await self._stream.send(data)
        except _BROKEN as exc:
            if self._http.our_state is h11.SEND_BODY:
                return False  # the answer says why
            raise EngineUnreachable(self._address, "the connection broke") from exc
        return True

    def take_over(self) -> tuple[anyio.abc.ByteStream, bytes]:
        """The bare stream after a head, and what arrived of it already."""
        early, _ = self._http.trailing_data
        return self._stream, early

    def renew(self) -> bool:
        """Make ready for the next request; False if this connection cannot be used again."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    @property
    def is_stale(self) -> bool:
        """Whether the engine has closed it meanwhile (known on unix sockets only)."""
        raw: socket.socket | None = self._stream.extra(anyio.abc.SocketAttribute.raw_socket, None)
        if raw is None or raw.family is not socket.AF_UNIX:
            return False
        try:
            raw.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True  # its end, or bytes that nobody asked for

    async def aclose(self) -> None:
        """Close at once, also when cancelled."""
        await anyio.aclose_forcefully(self._stream)


def _framing(method: str, body: Body) -> list[tuple[str, str]]:
    if not isinstance(body, bytes):
        return [("Transfer-Encoding", "chunked")]
    return [("Content-Length", str(len(body)))] if body or method in ("POST", "PUT") else []
