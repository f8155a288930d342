"""What a build tells while it runs, to whoever turns it into lines or into a protocol's messages."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from engine.builder.dockerfile.instructions import From, Instruction
from engine.builder.product import Product
from engine.wire.images import Progress


class Step(Struct, frozen=True):
    """An instruction that begins; `number` counts from 1 over all stages, 0 is a trigger of the stage's base."""

    part: Instruction | From
    number: int
    count: int


class Teller(Protocol):
    """Hears of a build as it happens. Stages run at the same time, the steps of one after each other."""

    async def begin(self, stage: int, step: Step) -> None:
        """A step of a stage begins; the one before it has ended."""
        ...

    async def cached(self, stage: int) -> None:
        """The step that runs was made before."""
        ...

    async def remark(self, stage: int, text: str) -> None:
        """A line about the step that runs, newline included."""
        ...

    async def write(self, stage: int, stream: int, data: bytes) -> None:
        """Output of the step's program: 1 stdout, 2 stderr."""
        ...

    async def tell(self, stage: int, line: Progress) -> None:
        """What is fetched for the step."""
        ...

    async def made(self, stage: int, product: Product) -> None:
        """What the stage is after the step."""
        ...

    async def finish(self, stage: int) -> None:
        """The stage is built."""
        ...

    async def release(self, stage: int, error: Exception) -> None:
        """The stage has failed, and the build with it."""
        ...

    async def announce(self, line: Progress) -> None:
        """Something that belongs to no stage."""
        ...
