"""Requests over a pool of kept-alive connections, with the API's version settled on first use."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, Final, TypeVar

import anyio

from engine.client.answers import error_message, parsed
from engine.client.calls import MAX_ANSWER_BYTES, NOTHING, Calls, Parameters, Tasks
from engine.client.connection import Body, EngineConnection, Head
from engine.client.dialing import dial
from engine.client.errors import ApiError, EngineUnreachable, OnlyReads
from engine.client.stdio import Hijacked
from engine.client.targets import Certificates, Target
from engine.wire.codec import encode
from engine.wire.http import JSON, NEWEST, format_target, version_of
from engine.wire.images import AuthConfig

T = TypeVar("T")
FindAuth = Callable[[str], Awaitable[AuthConfig | None]]

_IDLE_CONNECTIONS: Final = 8
_MAX_LINE_BYTES: Final = 16 * 1024 * 1024


class Answer:
    """An answer whose body is still to be read."""

    def __init__(self, head: Head, connection: EngineConnection) -> None:
        self.head = head
        self._connection = connection

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives."""
        while chunk := await self._connection.read():
            yield chunk

    async def body(self) -> bytes:
        """The whole body, within a bound that no honest engine reaches."""
        parts: list[bytes] = []
        size = 0
        while chunk := await self._connection.read():
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise ApiError(self.head.status, "the answer is too long")
            parts.append(chunk)
        return b"".join(parts)

    async def lines(self, kind: type[T]) -> AsyncGenerator[T, None]:
        """The body as lines of JSON, each given as soon as it is complete."""
        rest = b""
        async for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line.strip():
                    yield parsed(line, kind)
            if len(rest) > _MAX_LINE_BYTES:
                raise ApiError(self.head.status, "a line of the answer is too long")
        if rest.strip():
            yield parsed(rest, kind)


class Transport(Calls):
    """Base of the client: dials, keeps and reuses connections. Errors: `ApiError`, `EngineUnreachable`.

    `find_auth` is asked for the credentials of an image's registry by calls that are given none; `headers` go along
    with every request. One that `only_reads` raises `OnlyReads` instead of asking for a change. `most_at_once` is how
    many of its users have a `turn` at the same time, 0 for any number.
    """

    def __init__(
        self,
        address: str,
        *,
        certificates: Certificates | None = None,
        find_auth: FindAuth | None = None,
        headers: Sequence[tuple[str, str]] = (),
        only_reads: bool = False,
        most_at_once: int = 0,
    ) -> None:
        self._target = Target(address, certificates)
        self._target.check()
        self.address = address
        self.only_reads = only_reads
        self._turns = anyio.CapacityLimiter(most_at_once) if most_at_once else None
        self._find_auth = find_auth
        self._headers = tuple(headers)
        self._idle: list[EngineConnection] = []
        self._version = ""
        self._settling = anyio.Lock()

    def tasks(self) -> Tasks:
        """Tasks of the event loop."""
        return anyio.create_task_group()

    def shielded(self) -> AbstractContextManager[object]:
        """What was begun is done, even if it is cancelled meanwhile."""
        return anyio.CancelScope(shield=True)

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for one of the turns that `most_at_once` allows, for whoever pulls, makes, starts or stops something.

        Requests do not take turns by themselves: some wait for others, and some last as long as a container.
        """
        return self._turns or nullcontext()

    async def aside(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of work that blocks for a moment, done by a thread."""
        return await anyio.to_thread.run_sync(work, *arguments)

    async def aclose(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            await self._idle.pop().aclose()

    async def settle_version(self) -> str:
        """The newest API version that both sides speak, asked for once."""
        if not self._version:
            async with self._settling:
                if not self._version:
                    async with self._exchange("GET", "/_ping") as answer:
                        await answer.body()
                        theirs = answer.head.headers.get("api-version", "")
                    newest = min(version_of(theirs), NEWEST) if theirs else NEWEST
                    self._version = f"{newest[0]}.{newest[1]}"
        return self._version

    # -- for the nouns

    async def call(self, method: str, path: str, parameters: Parameters = NOTHING, body: object = None) -> bytes:
        """One request with a JSON body (or none) and its whole answer."""
        async with self.open(method, path, parameters, body) as answer:
            return await answer.body()

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        parameters: Parameters = NOTHING,
        body: object = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        upload: Body | None = None,
    ) -> AsyncGenerator[Answer, None]:
        """One request, with its answer to be read in the block; leaving it early closes the connection."""
        self._check(method, path)
        target = format_target(path, parameters, await self.settle_version())
        content: Body = upload if upload is not None else b"" if body is None else encode(body)
        typed = [("Content-Type", JSON)] if body is not None else []
        async with self._exchange(method, target, [*headers, *typed], content) as answer:
            if answer.head.status >= 400:
                raise ApiError(answer.head.status, error_message(await answer.body(), answer.head.status))
            yield answer

    async def hijack(
        self, path: str, parameters: Parameters = NOTHING, body: object = None, *, is_tty: bool
    ) -> Hijacked:
        """A POST that takes its connection over."""
        self._check("POST", path)
        target = format_target(path, parameters, await self.settle_version())
        content = b"" if body is None else encode(body)
        headers = [*self._common, ("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Type", JSON)]
        connection = await self._dial()
        try:
            head = await connection.ask("POST", target, headers, content)
            if head.status not in (101, 200):
                raise ApiError(head.status, error_message(await Answer(head, connection).body(), head.status))
            return Hijacked(*connection.take_over(), is_tty=is_tty)
        except BaseException:
            await connection.aclose()
            raise

    def _check(self, method: str, path: str) -> None:
        if self.only_reads and method not in ("GET", "HEAD"):
            raise OnlyReads(method, path)

    # -- connections

    @asynccontextmanager
    async def _exchange(
        self, method: str, target: str, headers: Sequence[tuple[str, str]] = (), body: Body = b""
    ) -> AsyncGenerator[Answer, None]:
        connection, head = await self._ask(method, target, [*self._common, *headers], body)
        is_reusable = False
        try:
            yield Answer(head, connection)
            is_reusable = connection.renew()
        finally:
            if is_reusable and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
            else:
                await connection.aclose()

    async def _ask(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: Body
    ) -> tuple[EngineConnection, Head]:
        connection, is_fresh = await self._connect()
        try:
            return connection, await connection.ask(method, target, headers, body)
        except EngineUnreachable:
            await connection.aclose()
            if is_fresh or method not in ("GET", "HEAD"):
                raise
        except BaseException:
            await connection.aclose()
            raise
        # A kept connection was closed by the other side: what only reads may be asked again.
        connection = await self._dial()
        try:
            return connection, await connection.ask(method, target, headers, body)
        except BaseException:
            await connection.aclose()
            raise

    async def _connect(self) -> tuple[EngineConnection, bool]:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_stale:
                return connection, False
            await connection.aclose()
        return await self._dial(), True

    async def _dial(self) -> EngineConnection:
        return EngineConnection(await dial(self._target), self.address)

    @property
    def _common(self) -> tuple[tuple[str, str], ...]:
        return (("Host", "docker"), ("User-Agent", "pycompose"), *self._headers)
