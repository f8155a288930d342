"""One container in the engine's memory: its record, and what only matters while the engine lives."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

import anyio
import msgspec

from engine.containers.life import health
from engine.containers.life.lifecycle import ACTIVE, ALIVE, Status, Verb, advance
from engine.containers.record import ContainerRecord
from engine.errors import NoSuchContainer
from engine.state.store import Table
from engine.wire.containers import ContainerWaitResponse, WaitExitError

NOT_RUNNING: Final = "not-running"
NEXT_EXIT: Final = "next-exit"
REMOVED: Final = "removed"


class Run:
    """One life of a container's process. `ended` is set once all it held is given back and its end is recorded.
    `is_meant_to_end` tells that somebody stops it by hand, for the record of its end.
    """

    def __init__(self) -> None:
        self.is_meant_to_end = False
        self.ended = anyio.Event()
        self.resumed = anyio.Event()


class Waiter:
    """Someone who waits for a container's end: awaited, it answers with the exit code."""

    def __init__(self, condition: str, forget: Callable[[Waiter], None]) -> None:
        self.condition = condition
        self._forget = forget
        self._done = anyio.Event()
        self._answer = ContainerWaitResponse(status_code=0)

    def resolve(self, answer: ContainerWaitResponse) -> None:
        """Wake the one who waits."""
        self._answer = answer
        self._done.set()

    def __await__(self) -> Generator[Any, None, ContainerWaitResponse]:
        return self._wait().__await__()

    async def _wait(self) -> ContainerWaitResponse:
        try:
            await self._done.wait()
        finally:
            self._forget(self)
        return self._answer


class Attachment:
    """A client that wants to be attached before the container's program says its first word."""

    def __init__(self) -> None:
        self.may_connect = anyio.Event()
        self.is_settled = anyio.Event()


class Container:
    """A container. `lock` is held by whoever takes it from one status to another; readers need none."""

    def __init__(self, table: Table[ContainerRecord], container_id: str) -> None:
        self.id = container_id
        self.lock = anyio.Lock(fast_acquire=True)
        self.run: Run | None = None
        record = table.get(container_id)
        self.condition = health.remembered(record.health, record.probes) if record else health.Condition()
        self.restart_delay_seconds = 0.0
        self.restart_wanted = anyio.Event()
        # Set while `docker restart` stops a container, which must not be removed then.
        self.is_restarting_by_hand = False
        # How many removals by force are under way: what they have ended is not started again.
        self.removals = 0
        # How many are stopping it now. Docker tells of a stop before it tells of the end.
        self.stops = 0
        self.attachments: set[Attachment] = set()
        self._waiters: list[Waiter] = []
        self._table = table
        self._writing = anyio.Lock(fast_acquire=True)

    @property
    def record(self) -> ContainerRecord:
        """What is on disk. Raises `NoSuchContainer` once it is removed."""
        record = self._table.get(self.id)
        if record is None:
            raise NoSuchContainer(self.id)
        return record

    @property
    def name(self) -> str:
        """The name, without slash."""
        return self.record.name

    @property
    def status(self) -> Status:
        """The status."""
        return self.record.status

    @property
    def is_alive(self) -> bool:
        """Whether its process exists."""
        return self.status in ALIVE

    @property
    def is_active(self) -> bool:
        """Whether it runs, is paused, or will be started again by its policy."""
        return self.status in ACTIVE

    async def change(self, **changes: Any) -> None:
        """Record changes other than of the status. Concurrent changes of different fields all survive."""
        async with self._writing:
            await self._table.put(msgspec.structs.replace(self.record, **changes))

    async def move(self, verb: Verb, **changes: Any) -> None:
        """Record what `verb` makes of the container. Raises `Conflict` if the table does not know the pair."""
        async with self._writing:
            status = advance(self.record.status, verb)
            await self._table.put(msgspec.structs.replace(self.record, status=status, **changes))

    async def forget(self) -> None:
        """Delete the record."""
        async with self._writing:
            await self._table.delete(self.id)

    def wait_for(self, condition: str) -> Waiter:
        """Register for an end; it may be there already."""
        waiter = Waiter(condition, self.stop_waiting)
        if condition == NOT_RUNNING and not self.is_active:
            waiter.resolve(self._exit_answer())
        else:
            self._waiters.append(waiter)
        return waiter

    def stop_waiting(self, waiter: Waiter) -> None:
        """Forget a waiter who gave up."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def tell_ended(self) -> None:
        """Wake those who wait for the end of the run."""
        self._tell(self._exit_answer(), (NOT_RUNNING, NEXT_EXIT))

    def tell_removed(self, last: ContainerRecord, error: str = "") -> None:
        """Wake everyone: there will be no other end."""
        problem = WaitExitError(message=error) if error else None
        answer = ContainerWaitResponse(status_code=last.exit_code, error=problem)
        self._tell(answer, (NOT_RUNNING, NEXT_EXIT, REMOVED))

    def event_attributes(self, more: Mapping[str, str]) -> dict[str, str]:
        """What Docker tells of a container with each of its events: labels, image, name."""
        record = self.record
        return {**record.config.labels, "image": record.config.image, "name": record.name, **more}

    def _exit_answer(self) -> ContainerWaitResponse:
        record = self.record
        problem = WaitExitError(message=record.error) if record.error else None
        return ContainerWaitResponse(status_code=record.exit_code, error=problem)

    def _tell(self, answer: ContainerWaitResponse, conditions: tuple[str, ...]) -> None:
        ready = [waiter for waiter in self._waiters if waiter.condition in conditions]
        self._waiters = [waiter for waiter in self._waiters if waiter not in ready]
        for waiter in ready:
            waiter.resolve(answer)
