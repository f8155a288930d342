"""A client without an event loop, for short commands and engines on a unix socket.

It has the calls with one whole response. What streams, takes a connection over or takes long belongs to `EngineClient`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from engine.client.answers import error_message
from engine.client.calls import MAX_ANSWER_BYTES, NOTHING, Parameters, asked
from engine.client.errors import ApiError, EngineUnreachable, OnlyReads
from engine.client.nouns import EngineCalls
from engine.client.parser import AnswerParser, InvalidAnswer
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
        self._common = (("Host", "docker"), ("User-Agent", "pycompose"), *headers)
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

    async def aside(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of work that blocks for a moment: everything waits for it here."""
        return work(*arguments)

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
        content, status = b"".join(answer.parts), answer.status
        self._settle(answer.headers.get("api-version", ""))
        if answer.is_last:
            connection.close()
        else:
            self._idle.append(connection)
        if status >= _FIRST_ERROR:
            raise ApiError(status, error_message(content, status))
        return content

    def _request(self, method: str, target: str, body: object) -> bytes:
        content = b"" if body is None else encode(body)
        headers = [*self._common]
        if body is not None:
            headers.append(("Content-Type", JSON))
        if content or method in ("POST", "PUT"):
            headers.append(("Content-Length", str(len(content))))
        return asked(method, target, headers) + content

    def _settle(self, theirs: str) -> None:
        if not self._version and theirs:
            newest = min(version_of(theirs), NEWEST)
            self._version = f"{newest[0]}.{newest[1]}"

    def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale:
                return connection
            connection.close()
        return _Connection(self._path)


class _Connection:
    """One request after the other."""

    def __init__(self, path: str) -> None:
        self._address = f"unix://{path}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._answer = AnswerParser()
        try:
            self._socket.connect(path)
        except OSError as exc:
            self._socket.close()
            raise EngineUnreachable(self._address, exc.strerror or str(exc)) from exc

    async def ask(self, request: bytes) -> AnswerParser:
        """Send a request and return its whole answer, good until the next one. Raises `EngineUnreachable`."""
        answer = self._answer
        answer.expect()
        size = 0
        try:
            self._socket.sendall(request)
            while not answer.is_complete:
                await readable(self._socket)
                data = self._socket.recv(READ_BYTES)
                if data:
                    answer.feed(data)
                else:
                    answer.finish()
                size += len(data)
                if size > MAX_ANSWER_BYTES:
                    raise EngineUnreachable(self._address, "the answer is too long")
        except OSError as exc:
            raise EngineUnreachable(self._address, exc.strerror or str(exc)) from exc
        except InvalidAnswer as exc:
            raise EngineUnreachable(self._address, f"the answer broke off or is not HTTP ({exc})") from exc
        return answer

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
