"""Containers that the engine removes when they end, and their end before that."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from compose.cli.running.attached import remove_passing
from compose.errors import EngineRefused
from engine.client import ApiError, EngineClient

pytestmark = pytest.mark.anyio


class Removing(EngineClient):
    """An engine that refuses to remove its container, which is gone when `is_gone` is set."""

    def __init__(self, status: int) -> None:
        super().__init__("unix:///nowhere.sock")
        self._status = status
        self.is_gone = anyio.Event()

    @asynccontextmanager
    async def awaiting_container(
        self, container: str, condition: str
    ) -> AsyncGenerator[Callable[[], Awaitable[int]], None]:
        async def exit_code() -> int:
            await self.is_gone.wait()
            return 0

        assert (container, condition) == ("web", "removed")
        if self._status == 404:
            raise ApiError(404, "No such container: web")
        yield exit_code

    async def remove_container(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        assert (container, force, volumes) == ("web", True, True)
        raise ApiError(self._status, "no")


async def test_what_the_engine_removes_already_is_gone_when_its_removal_is_over() -> None:
    engine = Removing(409)
    is_over = anyio.Event()

    async def remove() -> None:
        await remove_passing(engine, "web")
        is_over.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(remove)
        await anyio.wait_all_tasks_blocked()
        assert not is_over.is_set()
        engine.is_gone.set()


async def test_what_is_gone_is_removed_and_what_cannot_be_removed_is_told() -> None:
    await remove_passing(Removing(404), "web")
    with pytest.raises(EngineRefused, match="removing container web: no"):
        await remove_passing(Removing(500), "web")
