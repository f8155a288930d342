"""What a build shows of its progress: vertices with their times, logs and warnings, until the client has read them."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
from google.protobuf.timestamp_pb2 import Timestamp

from engine.buildkit.messages.control_pb2 import (
    Position,
    Range,
    SourceInfo,
    StatusResponse,
    VertexLog,
    VertexStatus,
    VertexWarning,
)
from engine.buildkit.messages.control_pb2 import Vertex as VertexMessage
from engine.buildkit.solving.recording import Recording

_MOST_BYTES: Final = 1 << 20
_MESSAGE_BYTES: Final = 1 << 18
# Between two messages of how far something is; that it is complete is always told.
_LEAST_SECONDS: Final = 0.1
_CANCELLED: Final = "context canceled"


def now() -> Timestamp:
    """The time as the protocol writes it."""
    moment = Timestamp()
    moment.FromNanoseconds(time.time_ns())
    return moment


class Board:
    """Of one build. Who writes waits for a reader that is behind; without a reader, the oldest is forgotten. What has
    to be known later is in the `recording`.
    """

    def __init__(self, ref: str) -> None:
        self.recording = Recording()
        self._ref = ref
        self._count = 0
        self._waiting: deque[StatusResponse] = deque()
        self._size_bytes = 0
        self._changed = anyio.Event()
        self._has_reader = False
        self._is_closed = False

    def vertex(self, name: str) -> Vertex:
        """Something that can begin and end."""
        self._count += 1
        digest = hashlib.sha256(f"{self._ref} {self._count}".encode()).hexdigest()
        return Vertex(self, f"sha256:{digest}", name)

    @asynccontextmanager
    async def doing(self, name: str) -> AsyncIterator[Vertex]:
        """A vertex for the block, failed with it."""
        vertex = self.vertex(name)
        await vertex.begin()
        try:
            yield vertex
        except Exception as exc:
            await vertex.end(error=str(exc))
            raise
        except BaseException:
            with anyio.CancelScope(shield=True):
                await vertex.end(error=_CANCELLED)
            raise
        await vertex.end()

    async def put(self, message: StatusResponse) -> None:
        """Show something."""
        self.recording.take(message)
        self._waiting.append(message)
        self._size_bytes += message.ByteSize()
        self._ring()
        while self._size_bytes > _MOST_BYTES and not self._is_closed:
            if self._has_reader:
                await self._changed.wait()
            else:
                self._size_bytes -= self._waiting.popleft().ByteSize()

    async def read(self) -> AsyncGenerator[StatusResponse, None]:
        """Everything that is shown, until the build is over and all is read."""
        self._has_reader = True
        try:
            while self._waiting or not self._is_closed:
                if not self._waiting:
                    await self._changed.wait()
                    continue
                yield self._some()
        finally:
            self._has_reader = False
            self._ring()

    @property
    def has_reader(self) -> bool:
        """Whether somebody reads already: what one reads, another does not see."""
        return self._has_reader

    def close(self) -> None:
        """Nothing more comes."""
        self._is_closed = True
        self._ring()

    def _some(self) -> StatusResponse:
        found = self._waiting.popleft()
        size = found.ByteSize()
        while self._waiting and size < _MESSAGE_BYTES:
            more = self._waiting.popleft()
            size += more.ByteSize()
            found.MergeFrom(more)
        self._size_bytes = sum(message.ByteSize() for message in self._waiting)
        self._ring()
        return found

    def _ring(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class Vertex:
    """One line of the client's list, as it goes on."""

    def __init__(self, board: Board, digest: str, name: str) -> None:
        self.digest = digest
        self._board = board
        self._message = VertexMessage(digest=digest, name=name)
        self._statuses: dict[str, VertexStatus] = {}
        self._next_measure = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._message.HasField("completed")

    async def begin(self) -> None:
        """It begins now."""
        self._message.started.CopyFrom(now())
        await self._show()

    async def cached(self) -> None:
        """It need not be done."""
        self._message.cached = True
        await self._show()

    async def end(self, *, error: str = "") -> None:
        """It ends now, with an error or without."""
        self._message.completed.CopyFrom(now())
        self._message.error = error
        for status in self._statuses.values():
            status.completed.CopyFrom(now())
        await self._board.put(StatusResponse(vertexes=[self._message], statuses=self._statuses.values()))

    async def log(self, stream: int, data: bytes) -> None:
        """Output of the program: 1 stdout, 2 stderr."""
        line = VertexLog(vertex=self.digest, timestamp=now(), stream=stream, msg=data)
        await self._board.put(StatusResponse(logs=[line]))

    async def measure(self, what: str, current: int = 0, total: int = 0) -> None:
        """How far something within is, in bytes."""
        status = self._statuses.get(what)
        if status is None:
            status = VertexStatus(id=what, vertex=self.digest, started=now())
            self._statuses[what] = status
        status.current, status.total = current, total
        status.timestamp.CopyFrom(now())
        if time.monotonic() > self._next_measure:
            self._next_measure = time.monotonic() + _LEAST_SECONDS
            await self._board.put(StatusResponse(statuses=[status]))

    async def measured(self, what: str) -> None:
        """Something within is complete."""
        if status := self._statuses.pop(what, None):
            status.completed.CopyFrom(now())
            await self._board.put(StatusResponse(statuses=[status]))

    async def step(self, what: str) -> None:
        """Something within begins, and what was before it has ended."""
        for other in list(self._statuses):
            await self.measured(other)
        await self.measure(what)

    async def warn(self, text: str, url: str, file: tuple[str, bytes], line: int) -> None:
        """A warning about a line of a file, by name and contents."""
        place = Range(start=Position(line=line), end=Position(line=line))
        warning = VertexWarning(
            vertex=self.digest,
            level=1,
            short=text.encode(),
            url=url,
            info=SourceInfo(filename=file[0], data=file[1], language="Dockerfile"),
            ranges=[place],
        )
        await self._board.put(StatusResponse(warnings=[warning]))

    async def _show(self) -> None:
        await self._board.put(StatusResponse(vertexes=[self._message]))
