"""One container without an engine behind it: its console, its log and its state."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import anyio

from engine.wire.containers import ContainerCreateRequest


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a fake log."""

    stream: int
    time_ns: int
    message: bytes


class FakeConsole:
    """Gives what was put in; echoes what is sent, if it echoes."""

    def __init__(self, *, echoes: bool) -> None:
        self.echoes = echoes
        self._output: deque[tuple[int, bytes]] = deque()
        self._changed = anyio.Event()
        self._has_ended = False
        self._has_started = False
        self.sent = bytearray()
        self.input_ended = anyio.Event()
        self.closed = anyio.Event()
        self.exit_code = 0

    def start(self) -> None:
        """What was typed before the start is over by now, if its end came."""
        self._has_started = True
        if self.echoes and self.input_ended.is_set():
            self.end()

    def say(self, stream: int, data: bytes) -> None:
        """Put output."""
        self._output.append((stream, data))
        self._changed.set()

    def end(self) -> None:
        """End the output."""
        self._has_ended = True
        self._changed.set()

    async def receive(self) -> tuple[int, bytes]:
        while not self._output:
            if self._has_ended:
                raise anyio.EndOfStream
            self._changed = anyio.Event()
            await self._changed.wait()
        return self._output.popleft()

    async def send(self, data: bytes) -> None:
        self.sent += data
        if self.echoes:
            self.say(1, data)

    async def send_eof(self) -> None:
        self.input_ended.set()
        if self.echoes and self._has_started:
            self.end()

    async def aclose(self) -> None:
        self.end()
        self.closed.set()


@dataclass(slots=True)
class FakeContainer:
    """A container and everything that a test may look at or trigger."""

    id: str
    name: str
    request: ContainerCreateRequest
    status: str = "created"
    console: FakeConsole | None = None
    log: list[Line] = field(default_factory=list)
    exited: anyio.Event = field(default_factory=anyio.Event)
    exit_code: int = 0
    size: tuple[int, int] | None = None
    waiters: int = 0
