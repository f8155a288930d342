"""Threads for work that keeps a processor or the kernel's locks busy for some milliseconds and waits for nothing else.

More of them at the same time than there are processors only wait for each other: fifty containers that start at once
then take a fifth more processor time. What may have to wait for the disk goes through others (`lengthy`), and what
waits for a client or another machine belongs into anyio's own.

They are not anyio's because a job there costs the event loop 0.2 ms (a scope, a limiter, a context, a queue with two
locks, a wake-up through a socket), more than most jobs themselves; here it costs a twentieth of that, as the jobs that
end in a burst wake the loop once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar, TypeVarTuple

import anyio
import anyio.lowlevel
from anyio.lowlevel import RunVar

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

_MOST: Final = 8


class _Job(Generic[T]):
    """A call, and who waits for what becomes of it."""

    def __init__(self, act: Callable[[], T], outbox: _Outbox) -> None:
        self._act = act
        self._outbox = outbox
        self.answered = outbox.loop.create_future()
        self._result: list[T] = []
        self._error: BaseException | None = None

    def do(self) -> None:
        """Make the call, on a thread."""
        try:
            self._result.append(self._act())
        except BaseException as exc:  # noqa: BLE001 - raised again by `result`, to the one who asked for it
            self._error = exc
        self._outbox.put(self)

    def result(self) -> T:
        """What the call has returned. Raises what it raised."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # else it and its traceback would hold each other
        return self._result[0]


class _Outbox:
    """The jobs that are done, on their way back to one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._done: deque[_Job[Any]] = deque()
        self._is_announced = False

    def put(self, job: _Job[Any]) -> None:
        """Hand a job over, on a thread. The loop is woken unless it is about to look."""
        self._done.append(job)
        if not self._is_announced:
            self._is_announced = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_announced = False  # before the look: what comes after it announces itself again
        while self._done:
            answered = self._done.popleft().answered
            if not answered.done():  # a loop that is taken down by force cancels what it waits for
                answered.set_result(None)


_OUTBOX: RunVar[_Outbox] = RunVar("outbox")


class Crew:
    """Threads that do jobs in the order in which they were asked for; for all event loops of the process, as long as it
    lives. They are made when there is something to do.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._begin()
        os.register_at_fork(after_in_child=self._begin)  # which has none of the threads

    def _begin(self) -> None:
        self._threads = 0
        self._outstanding = 0
        self._jobs: SimpleQueue[_Job[Any]] = SimpleQueue()

    async def run(self, act: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Run `act` in a thread, after what was asked for before. Cancelled, it waits for the end of what has begun."""
        await anyio.lowlevel.checkpoint_if_cancelled()
        return await self.see_through(act, *arguments)

    async def see_through(self, act: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """The same, also for who is cancelled already, and then goes on as if nothing were."""
        job = _Job(lambda: act(*arguments), _outbox())
        self._outstanding += 1
        if self._threads < min(self._outstanding, self._size):
            self._threads += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()
        self._jobs.put(job)
        try:
            with anyio.CancelScope(shield=True):
                await job.answered
        finally:
            self._outstanding -= 1
        return job.result()

    def _work(self) -> None:
        while True:
            self._jobs.get().do()


def _outbox() -> _Outbox:
    try:
        return _OUTBOX.get()
    except LookupError:
        outbox = _Outbox()
        _OUTBOX.set(outbox)
        return outbox


_BRIEF: Final = Crew("brief", min(2 * len(os.sched_getaffinity(0)), _MOST))
_LENGTHY: Final = Crew("lengthy", 2 * _MOST)


async def brief(act: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """Run `act` in one of a few threads, after those who asked before. Cancelled, it waits for the end of what has
    begun.
    """
    return await _BRIEF.run(act, *arguments)


async def lengthy(act: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """The same for what is as brief nearly always, but may wait for the disk: unmounting and deleting."""
    return await _LENGTHY.run(act, *arguments)
