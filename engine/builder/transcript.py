"""A build in the words of Docker's classic builder: a `Teller` that speaks in the order of the Dockerfile although the
stages run at the same time.

The first stage that is not finished speaks at once; what the others say waits until it is their turn. What waits is
bounded: of a stage that says too much before its turn, the oldest is dropped, and a line tells so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from anyio.streams.memory import MemoryObjectSendStream
from msgspec import UNSET

from engine.builder.product import Product
from engine.builder.telling import Step
from engine.images.configuration import encode_configuration
from engine.images.inventory import tag_of
from engine.images.record import Image
from engine.images.transfer.feed import short
from engine.storage.content import digest_of
from engine.wire.frames import STDERR
from engine.wire.images import Progress

# How clients tell what was written to stderr.
_RED: Final = "\x1b[91m"
_PLAIN: Final = "\x1b[0m"
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

    async def begin(self, stage: int, step: Step) -> None:
        """See `Teller`; triggers have no number and no line."""
        if step.number:
            # The newline is a message of its own, as Docker sends it: clients look for the step among the messages.
            await self.remark(stage, f"Step {step.number}/{step.count} : {step.part.text}")
            await self.remark(stage, "\n")

    async def cached(self, stage: int) -> None:
        """See `Teller`."""
        await self.remark(stage, " ---> Using cache\n")

    async def remark(self, stage: int, text: str) -> None:
        """See `Teller`: a piece of output, newlines included."""
        await self.tell(stage, Progress(stream=text))

    async def write(self, stage: int, stream: int, data: bytes) -> None:
        """See `Teller`."""
        text = data.decode("utf-8", "replace")
        await self.remark(stage, f"{_RED}{text}{_PLAIN}" if stream == STDERR else text)

    async def made(self, stage: int, product: Product) -> None:
        """See `Teller`: the id of the image that it would be."""
        if not self._is_quiet:
            image_id = product.parent
            if product.lineage != product.parent:
                image_id = digest_of(encode_configuration(product.configuration()))
            await self.remark(stage, f" ---> {short(image_id)}\n")

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

    async def release(self, stage: int, error: Exception) -> None:
        """A stage has failed: what it said comes now, whoever's turn it is; the others are silent."""
        del error  # whoever runs the build tells of it
        for line in self._waiting.get(stage, ()):
            await self._lines.send(line)
        self._waiting.clear()

    async def announce(self, line: Progress) -> None:
        """See `Teller`."""
        if not self._is_quiet:
            await self._lines.send(line)

    async def close(self, image: Image, tags: Iterable[str]) -> None:
        """What is to be said when all is done, also by a quiet build."""
        await self._lines.send(Progress(aux={"ID": image.id}))
        if self._is_quiet:
            await self._lines.send(Progress(stream=f"{image.id}\n"))
            return
        await self._lines.send(Progress(stream=f"Successfully built {short(image.id)}\n"))
        for tag in tags:
            await self._lines.send(Progress(stream=f"Successfully tagged {tag_of(tag).familiar}\n"))

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
