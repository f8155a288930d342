"""One look at the engine: four requests at once, parsed into `compose.plan.observed`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial

from msgspec import UNSET

from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.plan import labels
from compose.plan.images import familiar
from compose.plan.observed import (
    Observed,
    ObservedContainer,
    ObservedMount,
    ObservedNetwork,
    ObservedPort,
    ObservedVolume,
)
from engine.client import EngineClient
from engine.wire.containers import ContainerSummary
from engine.wire.images import ImageSummary
from engine.wire.networks import NetworkInspect
from engine.wire.times import ZERO, parse_time
from engine.wire.volumes import Volume


async def observe(engine: EngineClient, project_name: str, fresh: Mapping[str, float] | None = None) -> Observed:
    """What `reconcile` and the teardowns need to know; `fresh` are images with the seconds that they may be old.

    Raises `EngineRefused`.
    """
    containers: list[ObservedContainer] = []
    networks: list[NetworkInspect] = []
    volumes: list[Volume] = []
    images: list[ImageSummary] = []

    async def look_at_containers() -> None:
        containers.extend(await observe_containers(engine, project_name))

    # Networks, volumes and images are asked for without a filter: external ones and
    # those that somebody else made have no label of ours, but count by their names.
    async def look_at_networks() -> None:
        networks.extend(await engine.list_networks())

    async def look_at_volumes() -> None:
        volumes.extend(await engine.list_volumes())

    async def look_at_images() -> None:
        images.extend(await engine.list_images())

    with refusals("looking at the project"):
        await all_of([look_at_containers, look_at_networks, look_at_volumes, look_at_images])
        references = _images(images)
        due = await _due(engine, {name: age for name, age in (fresh or {}).items() if familiar(name) in references})
    return Observed(
        tuple(containers),
        {item.name: _network(item) for item in networks},
        {item.name: _volume(item) for item in volumes},
        references,
        due,
    )


async def _due(engine: EngineClient, fresh: Mapping[str, float]) -> frozenset[str]:
    """Those of the images that were named longer ago than they may be."""
    due: set[str] = set()

    async def look(name: str, most_seconds: float) -> None:
        image = await engine.inspect_image(name)
        named_ns = parse_time(image.metadata.get("LastTagTime") or ZERO)
        if time.time() - named_ns / 1e9 > most_seconds:
            due.add(familiar(name))

    await all_of([partial(look, name, age) for name, age in fresh.items()])
    return frozenset(due)


async def observe_containers(
    engine: EngineClient, project_name: str = "", *, everything: bool = True
) -> list[ObservedContainer]:
    """The containers of a project (of every project without a name), by name; `everything`: stopped ones too."""
    label = f"{labels.PROJECT}={project_name}" if project_name else labels.PROJECT
    with refusals("listing containers"):
        found = await engine.list_containers(everything=everything, filters={"label": [label]})
    return sorted(map(container, found), key=lambda item: item.name)


def container(summary: ContainerSummary) -> ObservedContainer:
    """A listing's entry as a value of ours. Labels that are no numbers count as number 1."""
    tags = summary.labels
    number = tags.get(labels.NUMBER, "1")
    return ObservedContainer(
        id=summary.id,
        name=_own_name(summary.names),
        service=tags.get(labels.SERVICE, ""),
        number=int(number) if number.isdecimal() else 1,
        state=summary.state,
        config_hash=tags.get(labels.CONFIG_HASH, ""),
        image=summary.image,
        image_id=summary.image_id,
        is_one_off=tags.get(labels.ONE_OFF, "False") == "True",
        depends_on=labels.dependencies(tags.get(labels.DEPENDS_ON, "")),
        networks={name: item.network_id for name, item in summary.network_settings.networks.items()},
        mounts=tuple(
            ObservedMount(
                item.type,
                item.destination,
                "" if item.name is UNSET else item.name,
                item.source,
                item.rw,
            )
            for item in summary.mounts
        ),
        ports=tuple(
            ObservedPort(
                item.private_port,
                0 if item.public_port is UNSET else item.public_port,
                "" if item.ip is UNSET else item.ip,
                item.type,
            )
            for item in summary.ports
        ),
        command=summary.command,
        created=summary.created,
        status=summary.status,
        labels=tags,
    )


def _own_name(names: Iterable[str]) -> str:
    """A container is also listed under its links (`/other/alias`); its own name has one slash."""
    bare = [name.removeprefix("/") for name in names]
    return next((name for name in bare if "/" not in name), bare[0] if bare else "")


def _network(item: NetworkInspect) -> ObservedNetwork:
    tags = item.labels
    return ObservedNetwork(
        item.id, item.name, tags.get(labels.PROJECT, ""), tags.get(labels.NETWORK, ""), tags.get(labels.CONFIG_HASH, "")
    )


def _volume(item: Volume) -> ObservedVolume:
    tags = item.labels or {}
    return ObservedVolume(
        item.name, tags.get(labels.PROJECT, ""), tags.get(labels.VOLUME, ""), tags.get(labels.CONFIG_HASH, "")
    )


def _images(found: list[ImageSummary]) -> dict[str, str]:
    references = {item.id: item.id for item in found}
    for item in found:
        for name in (*item.repo_tags, *item.repo_digests):
            references[familiar(name)] = item.id
    return references
