"""An engine that nobody uses ends itself."""

from __future__ import annotations

from collections.abc import Callable

import anyio


class IdleWatch:
    """Waits until the engine has been idle for long enough; woken by activity, never by a clock of its own."""

    def __init__(self, is_busy: Callable[[], bool], idle_seconds: float) -> None:
        self._is_busy = is_busy
        self._idle_seconds = idle_seconds
        self._activity = anyio.Event()

    def touch(self) -> None:
        """Tell that something happened: a client came or went, a container started or ended."""
        if not self._is_busy():  # else there is nothing to time, and whatever ends that tells it
            self._activity.set()

    async def wait(self) -> None:
        """Return once nothing was busy and nothing happened for `idle_seconds`."""
        while True:
            self._activity = anyio.Event()
            with anyio.move_on_after(None if self._is_busy() else self._idle_seconds) as scope:
                await self._activity.wait()
            if scope.cancelled_caught and not self._is_busy():
                return
