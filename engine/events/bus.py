"""The event bus: publishing never blocks, and a listener that does not keep up is cut off, not waited for."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import UNSET

from engine.events.journal import REMEMBERED
from engine.wire.system import EventActor, EventMessage

_LISTENER_BACKLOG: Final = 8192

Wanted = Callable[[EventMessage], bool]


class EventBus:
    """Publish and subscribe. Lives on one event loop; `publish` is an ordinary call.

    `past` are the events of earlier engines; `record` is told every new one before its listeners are.
    """

    def __init__(
        self,
        clock: Callable[[], int] = time.time_ns,
        *,
        past: Iterable[EventMessage] = (),
        record: Callable[[EventMessage], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._record = record
        self._past = deque(past, maxlen=REMEMBERED)
        self._listeners: set[MemoryObjectSendStream[EventMessage]] = set()
        self._bells: list[Callable[[], None]] = []

    def publish(self, kind: str, action: str, actor_id: str, attributes: Mapping[str, str]) -> None:
        """Tell that `action` happened to the container, image, network, volume or daemon `actor_id`."""
        now = self._clock()
        legacy = kind == "container" or kind == "image"
        event = EventMessage(
            status=action if legacy else UNSET,
            id=actor_id if legacy and actor_id else UNSET,
            from_=attributes.get("image", UNSET) if kind == "container" else UNSET,
            type=kind,
            action=action,
            actor=EventActor(id=actor_id, attributes=dict(attributes)),
            time=now // 1_000_000_000,
            time_nano=now,
        )
        self._past.append(event)
        self._record(event)
        for ring in self._bells:
            ring()
        for listener in list(self._listeners):
            try:
                listener.send_nowait(event)
            except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
                self._listeners.discard(listener)
                listener.close()

    @contextmanager
    def ringing(self, ring: Callable[[], None]) -> Iterator[None]:
        """Have `ring` called with everything published while the block lasts, for who need not know what it was."""
        self._bells.append(ring)
        try:
            yield
        finally:
            self._bells.remove(ring)

    @contextmanager
    def listen(self) -> Iterator[MemoryObjectReceiveStream[EventMessage]]:
        """Everything published while the block lasts, in order. Entering it subscribes at once, so nothing
        that happens after is missed. The stream ends early for a listener that falls far behind.
        """
        send, receive = anyio.create_memory_object_stream[EventMessage](_LISTENER_BACKLOG)
        self._listeners.add(send)
        try:
            yield receive
        finally:
            self._listeners.discard(send)
            send.close()
            receive.close()

    async def replay(
        self, wanted: Wanted, *, since_nano: int | None = None, until_nano: int | None = None
    ) -> AsyncIterator[EventMessage]:
        """Yield remembered events from `since_nano` on, then new ones until `until_nano` (None: for ever)."""
        with self.listen() as stream:
            end = math.inf if until_nano is None else until_nano
            past = list(self._past) if since_nano is not None else []
            for old in past:
                if (since_nano or 0) <= old.time_nano <= end and wanted(old):
                    yield old
            while (event := await self._next(stream, end)) is not None:
                if wanted(event):
                    yield event

    async def _next(self, stream: MemoryObjectReceiveStream[EventMessage], end_nano: float) -> EventMessage | None:
        # The deadline spans one wait only: a scope around the caller's `yield` would strike the listener's code.
        with anyio.move_on_after(max((end_nano - self._clock()) / 1e9, 0)):
            try:
                return await stream.receive()
            except anyio.EndOfStream:
                return None
        return None

    @property
    def listener_count(self) -> int:
        """How many listen now."""
        return len(self._listeners)
