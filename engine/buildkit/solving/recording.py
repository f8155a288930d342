"""What is kept of a build for `buildx history`: its progress, without what only matters while it goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Final

import anyio

from engine.buildkit.messages.control_pb2 import StatusResponse, VertexLog

_MOST_LOG_BYTES: Final = 2 << 20
_MOST_BYTES: Final = 8 << 20
_CLIPPED: Final = b"[output clipped, log limit 2MiB reached]\n"
_SIZE_BYTES: Final = 4


class Recording:
    """Of one build that goes on. Output beyond two megabytes is left out."""

    def __init__(self) -> None:
        self._messages: list[StatusResponse] = []
        self._log_bytes = 0
        self._size_bytes = 0
        self._changed = anyio.Event()
        self._is_closed = False

    def take(self, message: StatusResponse) -> None:
        """Keep what has to be kept of a message."""
        kept = StatusResponse(
            vertexes=message.vertexes,
            statuses=[status for status in message.statuses if status.HasField("completed")],
            logs=self._fitting(message.logs),
            warnings=message.warnings,
        )
        size_bytes = kept.ByteSize()
        if not size_bytes or self._size_bytes + size_bytes > _MOST_BYTES:
            return
        self._size_bytes += size_bytes
        self._messages.append(kept)
        self._ring()

    def close(self) -> None:
        """Nothing more comes."""
        self._is_closed = True
        self._ring()

    def counts(self) -> tuple[int, int, int, int]:
        """The steps that there are, those that are complete, those that were cached; and the warnings."""
        steps = {step.digest: step for message in self._messages for step in message.vertexes}
        complete = sum(step.HasField("completed") for step in steps.values())
        warnings = sum(len(message.warnings) for message in self._messages)
        return len(steps), complete, sum(step.cached for step in steps.values()), warnings

    async def read(self) -> AsyncGenerator[StatusResponse, None]:
        """Everything from the beginning, until the build is over."""
        position = 0
        while True:
            while position < len(self._messages):
                yield self._messages[position]
                position += 1
            if self._is_closed:
                return
            await self._changed.wait()

    def packed(self) -> bytes:
        """All of it as bytes, for `unpacked`."""
        parts: list[bytes] = []
        for message in self._messages:
            body = message.SerializeToString()
            parts += [len(body).to_bytes(_SIZE_BYTES, "big"), body]
        return b"".join(parts)

    def _fitting(self, logs: Iterable[VertexLog]) -> list[VertexLog]:
        found: list[VertexLog] = []
        for log in logs:
            if self._log_bytes > _MOST_LOG_BYTES:
                break
            self._log_bytes += len(log.msg)
            if self._log_bytes > _MOST_LOG_BYTES:
                log = VertexLog(vertex=log.vertex, timestamp=log.timestamp, stream=log.stream, msg=_CLIPPED)
            found.append(log)
        return found

    def _ring(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def unpacked(content: bytes) -> Iterator[StatusResponse]:
    """The messages of a recording. Raises `ValueError` for what is none."""
    position = 0
    while position < len(content):
        end = position + _SIZE_BYTES + int.from_bytes(content[position : position + _SIZE_BYTES], "big")
        if end > len(content):
            raise ValueError("a recording ends within a message")
        yield StatusResponse.FromString(content[position + _SIZE_BYTES : end])
        position = end
