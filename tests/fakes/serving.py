"""A served fake engine: the real server in front of fake services, on a unix socket of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio

from engine.api.server import Door, serve
from engine.client import EngineClient
from engine.daemon.doors import listen_unix
from tests.fakes.services import FakeEngine, fake_engine


@dataclass(slots=True)
class Served:
    """The fake engine, its address, and the numbers of open connections that the server told."""

    engine: FakeEngine
    socket: Path
    activity: list[int] = field(default_factory=list)
    _changed: anyio.Event = field(default_factory=anyio.Event)

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    def told(self, count: int) -> None:
        self.activity.append(count)
        self._changed.set()
        self._changed = anyio.Event()

    async def until_connections(self, count: int) -> None:
        """Wait until so many connections are open."""
        while (self.activity[-1] if self.activity else 0) != count:
            await self._changed.wait()


@asynccontextmanager
async def served(directory: Path) -> AsyncIterator[Served]:
    """Serve a fresh fake engine inside the block."""
    told = Served(fake_engine(), directory / "engine.sock")
    doors = [Door(listen_unix(told.socket))]
    async with anyio.create_task_group() as tasks:
        await tasks.start(partial(serve, told.engine.services, doors, on_activity=told.told))
        with anyio.fail_after(60):
            yield told
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def served_client(directory: Path) -> AsyncIterator[tuple[Served, EngineClient]]:
    """The same, with a client."""
    async with served(directory) as server, EngineClient(server.address) as client:
        yield server, client
