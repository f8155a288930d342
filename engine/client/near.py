"""A client of an engine on a unix socket, for commands that ask a few things and end: without an event loop.

It has the calls with whole answers. What streams, takes a connection over or lasts belongs to `EngineClient`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httptools

from engine.client.answers import error_message
from engine.client.calls import MAX_ANSWER_BYTES, NOTHING, Parameters
from engine.client.errors import ApiError, EngineUnreachable, OnlyReads
from engine.client.nouns import EngineCalls
from engine.client.reactor import Group, Reactor, readable
from engine.wire.codec import encode
from engine.wire.http import JSON, NEWEST, READ_BYTES, format_target, version_of

T = TypeVar("T")

_FIRST_ERROR: Final = 400


class NearEngine(EngineCalls):
    """The engine that listens at `path`. `headers` go along with each call.

        with NearEngine(socket) as engine:
            images = engine.run(engine.list_images())

    The first answer tells the API's version, which the calls after it name.
    """

    def __init__(self, path: Path, headers: Sequence[tuple[str, str]] = (), *, only_reads: bool = False) -> None:
        self.address = f"unix://{path}"
        self.only_reads = only_reads
        self._path = str(path)
        self._reactor = Reactor()
        common = (("Host", "docker"), ("User-Agent", "pycompose"), *headers)
        self._common = "".join(f"{name}: {value}\r\n" for name, value in common)
        self._idle: list[_Connection] = []
        self._version = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            self._idle.pop().close()
        self._reactor.close()

    def run(self, main: Coroutine[Any, Any, T], *, pulse: Callable[[], None] | None = None) -> T:
        """The result of a coroutine that waits for nothing but this engine. See `Reactor.run`."""
        return self._reactor.run(main, pulse)

    def tasks(self) -> Group:
        """Coroutines of the reactor."""
        return Group(self._reactor)

    def shielded(self) -> AbstractContextManager[None]:
        """What was begun is done, even if it is cancelled meanwhile."""
        return self._reactor.shielded()

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Everything goes at once here: who wants less needs an event loop."""
        return nullcontext()

    async def call(self, method: str, path: str, parameters: Parameters = NOTHING, body: object = None) -> bytes:
        """One request with a JSON body (or none) and its whole answer. Raises `ApiError`, `EngineUnreachable`."""
        if self.only_reads and method != "GET":
            raise OnlyReads(method, path)
        request = self._request(method, format_target(path, parameters, self._version), body)
        connection = self._connection()
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        if connection.is_reusable:
            self._idle.append(connection)
        else:
            connection.close()
        self._settle(answer)
        content = b"".join(answer.parts)
        if answer.status >= _FIRST_ERROR:
            raise ApiError(answer.status, error_message(content, answer.status))
        return content

    def _request(self, method: str, target: str, body: object) -> bytes:
        content = b"" if body is None else encode(body)
        framing = f"Content-Length: {len(content)}\r\n" if method in ("POST", "PUT") else ""
        typed = f"Content-Type: {JSON}\r\n" if body is not None else ""
        return f"{method} {target} HTTP/1.1\r\n{self._common}{typed}{framing}\r\n".encode("latin-1") + content

    def _settle(self, answer: _Answer) -> None:
        if not self._version and answer.version:
            newest = min(version_of(answer.version), NEWEST)
            self._version = f"{newest[0]}.{newest[1]}"

    def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale:
                return connection
            connection.close()
        return _Connection(self._path)


class _Answer:
    """What httptools' parser tells of one answer."""

    __slots__ = ("is_complete", "is_last", "parts", "size", "status", "version")

    def __init__(self) -> None:
        self.status = 0
        self.is_last = False
        self.version = ""
        self.parts: list[bytes] = []
        self.size = 0
        self.is_complete = False


class _Connection:
    """One request after the other."""

    def __init__(self, path: str) -> None:
        self._address = f"unix://{path}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._answer = _Answer()
        self._parser = httptools.HttpResponseParser(self)
        try:
            self._socket.connect(path)
        except OSError as exc:
            self._socket.close()
            raise EngineUnreachable(self._address, exc.strerror or str(exc)) from exc

    async def ask(self, request: bytes) -> _Answer:
        """Send a request and return its whole answer. Raises `EngineUnreachable`."""
        answer = self._answer = _Answer()
        try:
            self._socket.sendall(request)
            while not answer.is_complete:
                await readable(self._socket)
                data = self._socket.recv(READ_BYTES)
                if not data:
                    raise self._broken("it closed the connection without a whole answer")
                self._parser.feed_data(data)
                if answer.size > MAX_ANSWER_BYTES:
                    raise self._broken("the answer is too long")
        except OSError as exc:
            raise self._broken(exc.strerror or str(exc)) from exc
        except httptools.HttpParserError as exc:
            raise self._broken(f"the answer is not HTTP ({exc})") from exc
        return answer

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow the answer."""
        return self._answer.is_complete and not self._answer.is_last

    @property
    def is_stale(self) -> bool:
        """Whether the engine has closed it meanwhile."""
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True  # its end, or bytes that nobody asked for

    def close(self) -> None:
        """Close at once."""
        self._socket.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """For the parser."""
        if name.lower() == b"api-version":
            self._answer.version = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """For the parser."""
        self._answer.size += len(data)
        self._answer.parts.append(data)

    def on_message_complete(self) -> None:
        """For the parser."""
        self._answer.is_complete = True
        self._answer.status = self._parser.get_status_code()
        self._answer.is_last = not self._parser.should_keep_alive()

    def _broken(self, why: str) -> EngineUnreachable:
        return EngineUnreachable(self._address, why)
