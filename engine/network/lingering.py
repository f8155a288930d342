"""Delayed clean-up: what was used a moment ago is often wanted again a moment later."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

from engine.errors import EngineError

log = logging.getLogger(__name__)


class Lingering:
    """Has `act` done once nobody has asked for it for some seconds, and when `run` is cancelled. `act` looks for itself
    whether there is anything to do. Where `run` does not run, or has ended, `ask` acts at once.
    """

    def __init__(self, act: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._act = act
        self._seconds = seconds
        self._asked: anyio.Event | None = None
        self._asked_at = 0.0

    @property
    def is_running(self) -> bool:
        """Whether what is asked for is done later."""
        return self._asked is not None

    async def ask(self) -> None:
        """Have it done, now or later."""
        if self._asked is None:
            await self._act()
        else:
            self._asked_at = anyio.current_time()
            self._asked.set()

    async def run(self) -> None:
        """Wait for those who ask, until cancelled. Failures are logged: whoever asked has gone on."""
        self._asked = anyio.Event()
        try:
            while True:
                await self._asked.wait()
                await self._quiet()
                self._asked = anyio.Event()
                await self._act_and_log()
        finally:
            self._asked = None
            with anyio.CancelScope(shield=True):
                await self._act_and_log()

    async def _quiet(self) -> None:
        """Wait until nobody has asked for that long. Those who ask do not wake it: they may be many."""
        while (left := self._asked_at + self._seconds - anyio.current_time()) > 0:  # noqa: ASYNC110 - no poll: mostly twice
            await anyio.sleep(left)

    async def _act_and_log(self) -> None:
        try:
            await self._act()
        except (EngineError, OSError):
            log.exception("what nobody uses any more could not be removed; the next engine does it")
