"""A build as vertices of a board: a `Teller` with a line for every step that makes a layer, as BuildKit shows them."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import Final

from msgspec import UNSET

from engine.builder.dockerfile.instructions import Copy, From, Run, Workdir
from engine.builder.dockerfile.stages import SCRATCH, Dockerfile, Stage, base_name
from engine.builder.product import Product
from engine.builder.telling import Step
from engine.buildkit.solving.board import Board, Vertex
from engine.buildkit.solving.failures import words_of
from engine.errors import EngineError
from engine.registry.reference import Reference
from engine.wire.images import Progress

_CANCELLED: Final = "context canceled"
_SHOWN: Final = (Run, Copy, Workdir)


class Vertices:
    """Of one build; `bases` are the names of what stages stand on by their index, where that is an image."""

    def __init__(self, board: Board, dockerfile: Dockerfile, bases: Mapping[int, str]) -> None:
        self._board = board
        self._dockerfile = dockerfile
        self._bases = bases
        self._counts: dict[int, int] = {}
        self._running: dict[int, Vertex] = {}

    async def begin(self, stage: int, step: Step) -> None:
        """See `Teller`: the step before is complete, and one that makes no layer is not shown."""
        await self.finish(stage)
        part = step.part
        text = part.text
        if isinstance(part, From):
            if stage not in self._bases:
                return
            text = f"FROM {_full(self._bases[stage])}"
        elif not isinstance(part, _SHOWN):
            return
        vertex = self._running[stage] = self._board.vertex(f"{self._place(stage, step)}{text}")
        await vertex.begin()

    async def cached(self, stage: int) -> None:
        """See `Teller`."""
        if stage in self._running:
            await self._running[stage].cached()

    async def remark(self, stage: int, text: str) -> None:
        """See `Teller`: these are words of the classic builder."""

    async def write(self, stage: int, stream: int, data: bytes) -> None:
        """See `Teller`."""
        if stage in self._running:
            await self._running[stage].log(stream, data)

    async def tell(self, stage: int, line: Progress) -> None:
        """See `Teller`: how far the layers are."""
        vertex, layer = self._running.get(stage), line.id
        if vertex is None or not isinstance(layer, str) or not isinstance(line.status, str):
            return
        extracting = f"extracting {layer}"
        if line.status.endswith("complete") or line.status == "Already exists":
            await vertex.measured(layer)
            await vertex.measured(extracting)
        elif line.progress_detail is not UNSET and line.progress_detail.current is not UNSET:
            total = line.progress_detail.total
            what = extracting if line.status == "Extracting" else layer
            await vertex.measure(what, line.progress_detail.current, 0 if total is UNSET else total)

    async def made(self, stage: int, product: Product) -> None:
        """See `Teller`."""

    async def finish(self, stage: int) -> None:
        """See `Teller`."""
        if vertex := self._running.pop(stage, None):
            await vertex.end()

    async def release(self, stage: int, error: Exception) -> None:
        """See `Teller`."""
        if vertex := self._running.pop(stage, None):
            await vertex.end(error=words_of(error))
        for other in self._running.values():
            await other.end(error=_CANCELLED)
        self._running.clear()

    async def announce(self, line: Progress) -> None:
        """See `Teller`: a remark of its own."""
        if isinstance(line.stream, str):
            vertex = self._board.vertex(line.stream.strip())
            await vertex.begin()
            await vertex.end()

    def _place(self, stage: int, step: Step) -> str:
        """Where a step is: `[name 2/5] `; triggers, which the stage's own lines do not count, have no place."""
        if not step.number:
            return ""
        here = self._dockerfile.stages[stage]
        total = sum(isinstance(part, _SHOWN) for part in here.instructions) + (stage in self._bases)
        self._counts[stage] = number = self._counts.get(stage, 0) + 1
        width = 1 + int(log10(total)) if total else 1
        name = self._name(here)
        return f"[{name}{number:>{width}}/{total}] "

    def _name(self, stage: Stage) -> str:
        if stage.start.name:
            return f"{stage.start.name} "
        return f"stage-{stage.index} " if len(self._dockerfile.stages) > 1 else ""


def image_bases(dockerfile: Dockerfile, variables: Mapping[str, str]) -> dict[int, str]:
    """The names of the images that stages stand on, by the stages' index. Raises `DockerfileError`."""
    found: dict[int, str] = {}
    for stage in dockerfile.stages:
        name = base_name(dockerfile, stage, variables)
        if name != SCRATCH and dockerfile.stage_before(stage.index, name) is None:
            found[stage.index] = name
    return found


def _full(name: str) -> str:
    try:
        return Reference.parse(name).tagged().canonical
    except EngineError:
        return name
