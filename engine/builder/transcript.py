"""What a build says, in the order of the Dockerfile although its stages run at the same time.

The first stage that is not finished speaks at once; what the others say waits until it is their turn. What waits is
bounded: of a stage that says too much before its turn, the oldest is dropped, and a line tells so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from anyio.streams.memory import MemoryObjectSendStream
from msgspec import UNSET

from engine.wire.images import Progress

_WAITING_BYTES: Final = 1 << 20


class Transcript:
    """`stages` are the indexes of the stages that will speak, in any order."""

    def __init__(
        self, lines: MemoryObjectSendStream[Progress], stages: Iterable[int], *, is_quiet: bool = False
    ) -> None:
        self._lines = lines
        self._is_quiet = is_quiet
        self._waiting: dict[int, deque[Progress]] = {index: deque() for index in sorted(stages)}
        self._sizes = dict.fromkeys(self._waiting, 0)
        self._dropped: set[int] = set()
        self._finished: set[int] = set()

    async def say(self, stage: int, text: str) -> None:
        """A piece of output, newlines included."""
        await self.tell(stage, Progress(stream=text))

    async def tell(self, stage: int, line: Progress) -> None:
        """A line of any kind."""
        if self._is_quiet:
            return
        if stage == self._speaker():
            await self._lines.send(line)
            return
        if _is_measure(line):
            return  # how far something is tells nothing later
        waiting = self._waiting.setdefault(stage, deque())
        waiting.append(line)
        self._sizes[stage] = self._sizes.get(stage, 0) + _size(line)
        while self._sizes[stage] > _WAITING_BYTES and len(waiting) > 1:
            self._sizes[stage] -= _size(waiting.popleft())
            self._dropped.add(stage)

    async def finish(self, stage: int) -> None:
        """A stage has no more to say; the next ones speak."""
        self._finished.add(stage)
        await self._flush()

    async def release(self, stage: int) -> None:
        """A stage has failed: what it said comes now, whoever's turn it is; the others are silent."""
        for line in self._waiting.get(stage, ()):
            await self._lines.send(line)
        self._waiting.clear()

    async def end(self, lines: Iterable[Progress]) -> None:
        """What is to be said when all stages are done, also by a quiet build."""
        for line in lines:
            await self._lines.send(line)

    async def _flush(self) -> None:
        for index in sorted(self._waiting):
            if index in self._dropped:
                self._dropped.discard(index)
                await self._lines.send(Progress(stream="[earlier output was dropped]\n"))
            waiting = self._waiting[index]
            while waiting:
                await self._lines.send(waiting.popleft())
            self._sizes[index] = 0
            if index not in self._finished:
                return

    def _speaker(self) -> int | None:
        return next((index for index in sorted(self._waiting) if index not in self._finished), None)


def _is_measure(line: Progress) -> bool:
    return line.progress_detail is not UNSET and line.progress_detail.current is not UNSET


def _size(line: Progress) -> int:
    return len(line.stream) if isinstance(line.stream, str) else 64
