"""One look at the engine: four requests at once, parsed into `compose.plan.observed`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from compose.apply.looking.observed import label_of, observed, sorted_containers
from compose.apply.parallel import unwrapped
from compose.apply.refusals import refusals
from compose.plan.images import familiar
from compose.plan.observed import Observed, ObservedContainer
from engine.wire.images import ImageSummary
from engine.wire.networks import NetworkInspect
from engine.wire.summaries import ContainerSummary
from engine.wire.times import ZERO, parse_time
from engine.wire.volumes import Volume

if TYPE_CHECKING:
    from engine.client.nouns import EngineCalls


async def observe(engine: EngineCalls, project_name: str, fresh: Mapping[str, float] | None = None) -> Observed:
    """What `reconcile` and the teardowns need to know; `fresh` are images with the seconds that they may be old.

    Raises `EngineRefused`.
    """
    containers: list[ContainerSummary] = []
    networks: list[NetworkInspect] = []
    volumes: list[Volume] = []
    images: list[ImageSummary] = []

    async def look_at_containers() -> None:
        containers.extend(await _containers(engine, project_name))

    # Networks, volumes and images are asked for without a filter: external ones and
    # those that somebody else made have no label of ours, but count by their names.
    async def look_at_networks() -> None:
        networks.extend(await engine.list_networks())

    async def look_at_volumes() -> None:
        volumes.extend(await engine.list_volumes())

    async def look_at_images() -> None:
        images.extend(await engine.list_images())

    with refusals("looking at the project"):
        with unwrapped():
            async with engine.tasks() as tasks:
                for look in (look_at_containers, look_at_networks, look_at_volumes, look_at_images):
                    tasks.start_soon(look)
        found = observed(containers, networks, volumes, images)
        ages = {name: age for name, age in (fresh or {}).items() if familiar(name) in found.images}
        return replace(found, due=await _due(engine, ages))


async def observe_containers(
    engine: EngineCalls, project_name: str = "", *, everything: bool = True
) -> list[ObservedContainer]:
    """The containers of a project (of every project without a name), by name; `everything`: stopped ones too."""
    with refusals("listing containers"):
        return sorted_containers(await _containers(engine, project_name, everything=everything))


async def _containers(engine: EngineCalls, project_name: str, *, everything: bool = True) -> list[ContainerSummary]:
    return await engine.list_containers(everything=everything, filters={"label": [label_of(project_name)]})


async def _due(engine: EngineCalls, fresh: Mapping[str, float]) -> frozenset[str]:
    """Those of the images that were named longer ago than they may be."""
    due: set[str] = set()

    async def look(name: str, most_seconds: float) -> None:
        image = await engine.inspect_image(name)
        named_ns = parse_time(image.metadata.get("LastTagTime") or ZERO)
        if time.time() - named_ns / 1e9 > most_seconds:
            due.add(familiar(name))

    with unwrapped():
        async with engine.tasks() as tasks:
            for name, age in fresh.items():
                tasks.start_soon(look, name, age)
    return frozenset(due)
