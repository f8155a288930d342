"""A client of the Docker Engine API, for our engine and for any other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType

from engine.client.building import BuildCalls
from engine.client.errors import EngineUnreachable
from engine.client.nouns import EngineCalls
from engine.client.snapshots import SnapshotCalls
from engine.client.streams import ContainerStreams
from engine.client.transfers import ImageTransfers
from engine.wire.filters import format_filters
from engine.wire.system import EventMessage


class EngineClient(BuildCalls, ContainerStreams, ImageTransfers, SnapshotCalls, EngineCalls):
    """Speaks to `unix:///path` or `tcp://host:port`; any number of calls at once.

        async with EngineClient("unix:///run/pycompose/engine.sock") as engine:
            for container in await engine.list_containers(everything=True):
                ...

    Calls raise `ApiError` (the engine says no) or `EngineUnreachable` (nobody answers). Async generators hold a
    connection until they are closed: use `contextlib.aclosing` where a loop may be left early.
    """

    async def __aenter__(self) -> EngineClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def ping(self) -> bool:
        """Whether an engine answers."""
        try:
            async with self._exchange("GET", "/_ping") as answer:
                return answer.head.status == 200 and await answer.body() == b"OK"
        except EngineUnreachable:
            return False

    @asynccontextmanager
    async def listening(
        self, *, filters: Mapping[str, Iterable[str]] | None = None, since: str = "", until: str = ""
    ) -> AsyncGenerator[AsyncIterator[EventMessage], None]:
        """Events inside the block. The subscription stands when the block begins: nothing after that is missed."""
        parameters = {"filters": format_filters(filters) if filters else "", "since": since, "until": until}
        async with self.open("GET", "/events", parameters) as answer:
            yield answer.lines(EventMessage)

    async def events(
        self, *, filters: Mapping[str, Iterable[str]] | None = None, since: str = "", until: str = ""
    ) -> AsyncGenerator[EventMessage, None]:
        """Past events from `since` on, then new ones until `until`. Subscribes at the first step of the loop."""
        async with self.listening(filters=filters, since=since, until=until) as found:
            async for event in found:
                yield event
