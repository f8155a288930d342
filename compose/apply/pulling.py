"""The streams of layers that pulls and pushes give, each added up to one line of progress."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from msgspec import UNSET, Struct, field

from compose.plan.telling.progress import Phase, Report, Update
from engine.client import EngineClient
from engine.wire.images import Progress

_MOVING = ("Downloading", "Pushing")
_MOVED = ("Verifying Checksum", "Download complete", "Extracting", "Pull complete", "Already exists", "Pushed")


class Tally(Struct):
    """Bytes moved and to move over all layers of one pull or push; `state` names what is done."""

    state: str = "Pulling"
    current: dict[str, int] = field(default_factory=dict[str, int])
    total: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, line: Progress) -> bool:
        """Take in one line; whether it changed the sum."""
        if line.id is UNSET or line.status is UNSET:
            return False
        before = self.current.get(line.id, 0)
        if line.status in _MOVING and line.progress_detail is not UNSET:
            detail = line.progress_detail
            self.current[line.id] = before if detail.current is UNSET else detail.current
            self.total[line.id] = self.total.get(line.id, 0) if detail.total is UNSET else detail.total
        elif line.status in _MOVED and line.id in self.total:
            self.current[line.id] = self.total[line.id]
        return self.current.get(line.id, 0) != before

    def update(self, resource: str) -> Update:
        """The sum as progress of `resource`."""
        done, size = sum(self.current.values()), sum(self.total.values())
        return Update(resource, self.state, Phase.WORKING, current=done, total=size)


async def pull(
    engine: EngineClient, image: str, platform: str, report: Report, answered: Callable[[str], None] | None = None
) -> None:
    """Pull an image and report its progress, and that it was `answered` once it is sure to be there.

    Raises `ApiError`. When it is cancelled, that is reported.
    """
    resource = f"Image {image}"
    report(Update(resource, "Pulling", Phase.WORKING))
    tally = Tally()
    try:
        async for line in engine.pull_image(image, platform=platform):
            if answered:
                answered(image)  # a refusal comes before the first line
            if tally.add(line):
                report(tally.update(resource))
    except anyio.get_cancelled_exc_class():
        report(Update(resource, "Interrupted", Phase.WARNING))
        raise
    report(Update(resource, "Pulled"))


async def push(engine: EngineClient, image: str, report: Report) -> None:
    """Push an image and report its progress. Raises `ApiError`."""
    resource = f"Image {image}"
    tally = Tally("Pushing")
    report(tally.update(resource))
    async with engine.turn():
        async for line in engine.push_image(image):
            if tally.add(line):
                report(tally.update(resource))
    report(Update(resource, "Pushed"))
