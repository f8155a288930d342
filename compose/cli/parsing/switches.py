"""Work that is switched on and off while something else goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.abc


class Switch:
    """Runs `work` in a task group while it is on; its end switches it off. `on_change` hears of both."""

    def __init__(self, tasks: anyio.abc.TaskGroup, work: Callable[[], Awaitable[None]], name: str) -> None:
        self._tasks = tasks
        self._work = work
        self._name = name
        self._scope: anyio.CancelScope | None = None
        self._off = anyio.Event()
        self._off.set()
        self.on_change: Callable[[], None] = lambda: None

    @property
    def is_on(self) -> bool:
        """Whether it works."""
        return not self._off.is_set()

    def flip(self) -> None:
        """On if it is off, and off if it is on."""
        if self._scope:
            self._scope.cancel()
        elif not self.is_on:
            self._off = anyio.Event()
            self.on_change()
            self._tasks.start_soon(self._run, name=self._name)

    async def until_off(self) -> None:
        """Return at once if it is off."""
        await self._off.wait()

    async def _run(self) -> None:
        try:
            with anyio.CancelScope() as self._scope:
                await self._work()
        finally:
            self._scope = None
            self._off.set()
            self.on_change()
