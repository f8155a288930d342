"""Running the asynchronous part of a command."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import anyio

from compose.cli.signals import ENDING, ending_alike

T = TypeVar("T")


def run_async(main: Callable[[], Awaitable[T]]) -> T:
    """Run it to its end and return its result. Raises `KeyboardInterrupt` once it has been cancelled by a signal."""
    interruption = _Interruption()
    with ending_alike(), interruption.by_signals():
        try:
            result = anyio.run(interruption.cancels, main)
        except asyncio.CancelledError:
            if not interruption.has_come:
                raise
            raise KeyboardInterrupt from None
    if interruption.came_late:
        raise KeyboardInterrupt
    return result


class _Interruption:
    """Signals become cancellations where tasks wait.

    asyncio cancels at the first one as well, but raises `KeyboardInterrupt` at the second wherever the program is just
    then: in the middle of the tidying that the first one has begun.
    """

    def __init__(self) -> None:
        self.has_come = False
        self.came_late = False  # before there was a task to cancel, or after it
        self._task: asyncio.Task[object] | None = None

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Take those that nobody ignores."""
        former = {}
        if threading.current_thread() is threading.main_thread():
            former = {number: handler for number in ENDING if callable(handler := signal.getsignal(number))}
        try:
            for number in former:
                signal.signal(number, self._on_signal)
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    async def cancels(self, main: Callable[[], Awaitable[T]]) -> T:
        """The result of `main`, which is what the signals cancel."""
        self._task = asyncio.current_task()
        try:
            return await main()
        finally:
            self._task = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._task is None:
            self.came_late = True
        else:
            self._task.get_loop().call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is None:
            self.came_late = True
        elif not self.has_come:
            self.has_come = True
            self._task.cancel()
        else:  # who insists does not wait for what is shielded
            for task in asyncio.all_tasks():
                task.cancel()
