"""What a route is given (`Request`) and what it gives back (`Reply`, `Stream` or `Hijack`).

A handler decides and returns one of these; only `connection.py` writes to the client.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

import anyio.abc
from msgspec import Struct

from engine.errors import BadRequest
from engine.wire.codec import decode_request, encode
from engine.wire.http import JSON, MAX_JSON_BYTES, Target, Version, check_json_type

T = TypeVar("T")

# One chunk of the request's body, empty at its end.
ReadBody = Callable[[], Awaitable[bytes]]


class Request:
    """One request. The body is read when a handler asks for it, never before."""

    __slots__ = ("_read_body", "headers", "method", "params", "path", "query", "version")

    def __init__(self, method: str, target: Target, headers: Mapping[str, str], read_body: ReadBody) -> None:
        self.method = method
        self.path = target.path
        self.query = target.query
        self.version: Version = target.version
        self.headers = headers
        self.params: Mapping[str, str] = {}
        self._read_body = read_body

    @property
    def name(self) -> str:
        """The object that the path names."""
        return self.params["name"]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, of any length."""
        while chunk := await self._read_body():
            yield chunk

    async def body(self, limit_bytes: int = MAX_JSON_BYTES) -> bytes:
        """The whole body. Raises `BadRequest` if it is longer than the limit."""
        parts: list[bytes] = []
        size = 0
        while chunk := await self._read_body():
            size += len(chunk)
            if size > limit_bytes:
                raise BadRequest(f"the request's body is longer than {limit_bytes} bytes")
            parts.append(chunk)
        return b"".join(parts)

    async def decode(self, kind: type[T]) -> T:
        """The JSON body as a type of `engine.wire`; none counts as `{}`. Raises `BadRequest` naming the field that is
        wrong.
        """
        body = await self.body()
        if body:
            check_json_type(self.headers)
        return decode_request(body, kind)


class Reply(Struct, frozen=True):
    """A whole answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Stream(Struct, frozen=True):
    """An answer that is written as it is made; its producer ends when the client goes away.

    `chunks` is closed in any case. An error before its first chunk is answered with the error's status, unless
    `at_once` had the head sent already; an error after it is written as `on_error` says, or else the connection
    breaks off, which tells the client that something is missing.
    """

    chunks: AsyncGenerator[bytes, None]
    content_type: str = JSON
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    at_once: bool = False
    on_error: Callable[[Exception], bytes] | None = None


# Sends the answer's head and gives the bare connection.
Accept = Callable[[], Awaitable[anyio.abc.ByteStream]]


class Hijack(Struct, frozen=True):
    """An answer that takes the connection over: `101 UPGRADED` if the client asked so, else `200` and raw bytes.

    `session` calls `accept` once it is ready to pump; an error before that is answered with the error's status.
    The connection is closed when it returns. `upgrade` are the headers that accept another protocol than bare bytes.
    """

    session: Callable[[Accept], Awaitable[None]]
    content_type: str
    upgrade: tuple[tuple[str, str], ...] = ()


Answer = Reply | Stream | Hijack


def json_reply(value: object, status: int = 200) -> Reply:
    """A value of the API's types as the answer. Ends with a newline, as Go's encoder does."""
    return Reply(status, encode(value) + b"\n", JSON)


NO_CONTENT = Reply(204)
OK = Reply(200)


def required(request: Request, parameter: str) -> str:
    """A parameter that must be there. Raises `BadRequest`."""
    if value := request.query.text(parameter):
        return value
    raise BadRequest(f"bad parameter: '{parameter}' is missing")
