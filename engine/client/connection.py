"""One connection to an engine: one request after another, or taken over for stdio."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import anyio
import anyio.abc
from msgspec import Struct

from engine.client.calls import asked
from engine.client.errors import EngineUnreachable
from engine.client.parser import AnswerParser, InvalidAnswer
from engine.wire.http import READ_BYTES

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
        self._answer = AnswerParser()
        self._is_uploading = False

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: Body = b"") -> Head:
        """Send a request and read the answer's head. Raises `EngineUnreachable`, and `ApiError` for what is none."""
        head = asked(method, target, [*headers, *_framing(method, body)])
        self._answer.expect(is_bodiless=method == "HEAD")
        if isinstance(body, bytes):
            await self._write(head + body)
        else:
            await self._upload(head, body)
        while not self._answer.has_head:
            await self._hear()
        return Head(self._answer.status, self._answer.headers)

    async def _upload(self, head: bytes, body: AsyncIterator[bytes]) -> None:
        self._is_uploading = True
        await self._write(head)
        async for chunk in body:
            if chunk and not await self._write(b"%x\r\n%b\r\n" % (len(chunk), chunk)):
                return  # nobody reads the rest, so nobody needs to produce it
        if await self._write(b"0\r\n\r\n"):
            self._is_uploading = False

    async def read(self) -> bytes:
        """The next piece of the answer's body, empty at its end. Raises `EngineUnreachable` if it breaks off."""
        while not self._answer.parts and not self._answer.is_complete:
            await self._hear()
        return self._answer.parts.popleft() if self._answer.parts else b""

    async def _hear(self) -> None:
        data = await self._receive()
        try:
            if data:
                self._answer.feed(data)
            elif self._answer.has_head:
                self._answer.finish()
            else:
                raise EngineUnreachable(self._address, "it closed the connection without an answer")
        except InvalidAnswer as exc:
            raise EngineUnreachable(self._address, f"the answer broke off or is not HTTP ({exc})") from exc

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
            if self._is_uploading:
                return False  # the answer says why
            raise EngineUnreachable(self._address, "the connection broke") from exc
        return True

    def take_over(self) -> tuple[anyio.abc.ByteStream, bytes]:
        """The bare stream after a head, and what arrived of it already."""
        return self._stream, b"".join(self._answer.parts) + self._answer.trailing

    def renew(self) -> bool:
        """Make ready for the next request; False if this connection cannot be used again."""
        answer = self._answer
        return answer.is_complete and not (answer.is_last or answer.parts or self._is_uploading)

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
