"""Clients of the engine in memory that are cut off at their N-th change of it: interrupted, or killed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import anyio

from engine.client import EngineClient
from tests.fakes.engine import FakeEngine

How = Literal["interrupted", "killed"]
_CHANGES = (
    "create_container",
    "create_network",
    "create_volume",
    "disconnect_network",
    "put_archive",
    "remove_container",
    "remove_network",
    "remove_volume",
    "rename_container",
    "start_container",
    "stop_container",
)


class Killed(BaseException):
    """Nothing of the client lives on, not even what cleans up."""


@dataclass
class CutClient:
    """The engine's methods, until the N-th change: it `happens` (the answer gets lost) or never gets there."""

    engine: FakeEngine
    at: int = 0
    how: How = "interrupted"
    happens: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    changes: int = 0
    is_dead: bool = False

    @property
    def client(self) -> EngineClient:
        """The same, under the type that its users expect."""
        return cast("EngineClient", self)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.engine, name)
        return self._watched(method) if name in _CHANGES else method

    def _watched(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **options: Any) -> Any:
            if self.is_dead:
                raise Killed
            self.changes += 1
            if self.changes != self.at:
                return await method(*arguments, **options)
            if not self.happens:
                await self._cut()
            result = await method(*arguments, **options)
            await self._cut()
            return result

        return call

    async def _cut(self) -> None:
        if self.how == "killed":
            self.is_dead = True
            raise Killed
        self.scope.cancel()
        await anyio.lowlevel.checkpoint()
