"""Work of threads that several calls may want: done once, told to all of them, called off when the last one leaves."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import anyio.to_thread

from engine.images.transfer.feed import Feed
from engine.registry.interrupt import Interrupt

_BETWEEN_LINES_SECONDS: Final = 0.1


class SharedWork(ABC):
    """One thing that a thread does, told by the digest of what it is done to. Once `is_settled`, `error` says how it
    ended. A call joins with its feed and leaves with it; `start` comes once, after the first has joined.
    """

    def __init__(self, told_as: str) -> None:
        self.error: BaseException | None = None
        self._told_as = told_as
        self._interrupt = Interrupt()
        self._lock = threading.Lock()
        self._feeds: list[Feed] = []
        self._settled = threading.Event()
        self._told_at = 0.0
        self._on_end: Callable[[], None] = lambda: None

    @abstractmethod
    def submit(self) -> None:
        """Have a thread call `run`."""

    @abstractmethod
    def act(self) -> str:
        """Do the work and return the last line of it. On a thread; raises `Interrupted` when called off."""

    def start(self, on_end: Callable[[], None]) -> None:
        """Queue the work; `on_end` is called before anybody hears that it has ended."""
        self._on_end = on_end
        self.submit()

    def join(self, feed: Feed) -> bool:
        """Have a feed told of this work; False when it is too late because it was called off or has ended."""
        with self._lock:
            if self._interrupt.is_triggered or self._settled.is_set():
                return False
            self._feeds.append(feed)
        return True

    def leave(self, feed: Feed) -> bool:
        """Stop telling a feed. When none is left, the work is called off; return whether it was."""
        with self._lock:
            if feed in self._feeds:
                self._feeds.remove(feed)
            is_abandoned = not self._feeds and not self._settled.is_set()
            if is_abandoned:
                self._interrupt.trigger()  # inside, so that nobody joins what is about to be called off
        return is_abandoned

    @property
    def is_settled(self) -> bool:
        """Whether the work has ended, well or not, and cleaned up."""
        return self._settled.is_set()

    async def wait_settled(self) -> None:
        """Wait until the work has ended."""
        await anyio.to_thread.run_sync(self._settled.wait)

    def run(self) -> None:
        """Do the work, tell of its end, and keep what it raised for those who wait. On a thread."""
        try:
            self._interrupt.check()
            self.tell(self.act())
        except BaseException as exc:  # noqa: BLE001 - every call that waits for this work raises it
            self.error = exc
        finally:
            self._on_end()
            with self._lock:
                self._settled.set()
                feeds = list(self._feeds)
            for feed in feeds:
                feed.wake()

    def tell(self, status: str) -> None:
        """Tell everybody that the work enters another phase."""
        for feed in self._listening():
            feed.tell(self._told_as, status)

    def measure(self, status: str, done_bytes: int, all_bytes: int) -> None:
        """Tell everybody how far it is, not more often than people can read."""
        now = time.monotonic()
        if now - self._told_at < _BETWEEN_LINES_SECONDS:
            return
        self._told_at = now
        for feed in self._listening():
            feed.measure(self._told_as, status, done_bytes, all_bytes)

    def _listening(self) -> list[Feed]:
        with self._lock:
            return list(self._feeds)


WorkT = TypeVar("WorkT", bound=SharedWork)


class UnderWay(Generic[WorkT]):
    """The work that goes on, by what it is about. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: dict[Hashable, WorkT] = {}

    def share(self, key: Hashable, make: Callable[[], WorkT], feed: Feed) -> WorkT:
        """The work of that key, made and started unless another call has; `feed` hears of it until `leave`."""
        with self._lock:
            work = self._works.get(key)
            if work is not None and work.join(feed):
                return work
            made = make()
            made.join(feed)
            self._works[key] = made
        made.start(lambda: self._forget(key, made))
        return made

    def _forget(self, key: Hashable, work: WorkT) -> None:
        with self._lock:
            if self._works.get(key) is work:
                del self._works[key]
