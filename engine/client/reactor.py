"""A very small event loop: coroutines that wait for sockets to become readable, and for each other.

asyncio and what it brings along take longer to import than a whole short command takes, and per call ten times as
long as the call itself. This is for those commands: a few requests that go at the same time, then the end. It knows
neither deadlines nor threads; whatever needs them belongs on anyio. Handlers of signals run while it waits, and at its
end: what they raise breaks no coroutine off halfway between two waits, nor a parser that would take it for its own.

    async def main() -> None:
        async with Group(reactor) as tasks:
            tasks.start_soon(ask, first)
            tasks.start_soon(ask, second)

    reactor.run(main())
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from types import TracebackType, coroutine
from typing import Any, Final, Self, TypeVar

from engine.client.interrupts import Interrupts

T = TypeVar("T")

_PULSE_SECONDS: Final = 0.1

# A socket to become readable, or None: somebody else says when to go on.
Wish = socket.socket | None


class Cancelled(BaseException):
    """Raised once where a cancelled coroutine waits; whoever catches it raises it again."""


class _Job:
    """A coroutine, what it waits for, and the group that waits for it."""

    __slots__ = ("coroutine", "group", "is_cancelled", "is_ready", "shields", "waits_for")

    def __init__(self, body: Coroutine[Any, Any, Any], group: Group | None) -> None:
        self.coroutine = body
        self.group = group
        self.waits_for: Wish = None
        self.shields = 0
        self.is_cancelled = False  # and has not been told yet
        self.is_ready = True


class Reactor:
    """Runs coroutines, again and again until it is closed."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ready: deque[_Job] = deque()
        self._jobs: set[_Job] = set()
        self._pulse: Callable[[], None] | None = None
        self._pulsed_at = 0.0
        self._interrupts = Interrupts()
        self.current: _Job | None = None

    def run(self, main: Coroutine[Any, Any, T], pulse: Callable[[], None] | None = None) -> T:
        """The result of `main`. Meanwhile `pulse` is called about ten times a second.

        What it raises ends the others, as an interrupt does: each is closed where it waits.
        """
        self._pulse = pulse
        with self._interrupts.held_back():
            first = self.begin(main, None)
            try:
                while True:
                    while self._ready:
                        job = self._ready.popleft()
                        is_over, result = self._advance(job)
                        if is_over and job is first:
                            return result  # type: ignore[no-any-return]
                    self._wait()
            finally:
                self._drop()

    def close(self) -> None:
        """Give back what the kernel keeps for it."""
        self._selector.close()

    def _drop(self) -> None:
        for job in self._jobs:
            if job.waits_for is not None:
                self._selector.unregister(job.waits_for)
            job.coroutine.close()
        self._jobs.clear()
        self._ready.clear()

    def begin(self, body: Coroutine[Any, Any, Any], group: Group | None) -> _Job:
        """Have a coroutine run from the next turn on."""
        job = _Job(body, group)
        self._jobs.add(job)
        self._ready.append(job)
        return job

    def resume(self, job: _Job) -> None:
        """Have one go on that waits for whatever it is."""
        if job.waits_for is not None:
            self._selector.unregister(job.waits_for)
            job.waits_for = None
        if not job.is_ready:
            job.is_ready = True
            self._ready.append(job)

    def cancel(self, job: _Job) -> None:
        """Raise `Cancelled` in it where it waits next outside of every shield."""
        if job is self.current:
            return
        job.is_cancelled = True
        if not job.shields:
            self.resume(job)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Let the current coroutine finish this block though it is cancelled meanwhile."""
        assert self.current, "only coroutines have shields"
        job = self.current
        job.shields += 1
        try:
            yield
        finally:
            job.shields -= 1

    def _wait(self) -> None:
        if not self._selector.get_map():
            raise RuntimeError("every coroutine waits for another one")
        with self._interrupts.let_in():
            found = self._selector.select(_PULSE_SECONDS if self._pulse else None)
        for key, _ in found:
            self.resume(key.data)
        if self._pulse and (now := time.monotonic()) - self._pulsed_at >= _PULSE_SECONDS:
            self._pulsed_at = now
            self._pulse()

    def _advance(self, job: _Job) -> tuple[bool, Any]:
        """Run it to where it waits next. Whether it is over, and its result."""
        self.current = job
        job.is_ready = False
        is_cancelled = job.is_cancelled and not job.shields
        try:
            if is_cancelled:
                job.is_cancelled = False
                wish = job.coroutine.throw(Cancelled())
            else:
                wish = job.coroutine.send(None)
        except StopIteration as end:
            self._end(job, None)
            return True, end.value
        except (Exception, Cancelled) as exc:
            if job.group is None:
                raise
            self._end(job, exc)  # raised again where the group ends
            return True, None
        if job.is_cancelled and not job.shields:
            self.resume(job)  # cancelled behind its shield
        elif wish is not None:
            job.waits_for = wish
            self._selector.register(wish, selectors.EVENT_READ, job)
        return False, None

    def _end(self, job: _Job, error: BaseException | None) -> None:
        self._jobs.discard(job)
        if job.group is not None:
            job.group.ended(job, error)


class Group:
    """Coroutines that end with the block. The first failure cancels the others and is raised at the block's end."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._jobs: set[_Job] = set()
        self._waiting: _Job | None = None
        self._error: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if isinstance(exc, GeneratorExit):
            return  # the reactor ends, and closes the others itself
        if exc is not None:
            self.cancel()
        self._waiting = self._reactor.current
        while self._jobs:
            try:
                await _until_told()
            except Cancelled as cancelled:
                exc = cancelled
                self.cancel()
        if self._error is not None and exc is None:
            raise self._error
        if isinstance(exc, Cancelled) and kind is None:
            raise exc

    @property
    def cancel_scope(self) -> Group:
        """What ends them all, under the name that anyio has for it."""
        return self

    def cancel(self) -> None:
        """Raise `Cancelled` in each of them, where it waits."""
        for job in self._jobs:
            self._reactor.cancel(job)

    def start_soon(self, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any, name: object = None) -> None:
        """Begin one more; the name is for who reads the program."""
        self._jobs.add(self._reactor.begin(func(*args), self))

    def ended(self, job: _Job, error: BaseException | None) -> None:
        """Take notice: the block ends with its last coroutine."""
        self._jobs.discard(job)
        if error is not None and not isinstance(error, Cancelled):
            self._error = self._error or error
            self.cancel()
        if not self._jobs and self._waiting is not None:
            self._reactor.resume(self._waiting)


@coroutine
def readable(connection: socket.socket) -> Generator[Wish, None, None]:
    """Wait until there is something to read, or the other side has gone."""
    yield connection


@coroutine
def _until_told() -> Generator[Wish, None, None]:
    yield None
