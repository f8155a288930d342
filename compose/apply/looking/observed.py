"""The engine's lists as `compose.plan.observed`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import UNSET

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
from engine.wire.images import ImageSummary
from engine.wire.networks import NetworkInspect
from engine.wire.summaries import ContainerSummary
from engine.wire.volumes import Volume


def label_of(project_name: str) -> str:
    """The label that the containers of a project have; of every project without a name."""
    return f"{labels.PROJECT}={project_name}" if project_name else labels.PROJECT


def observed(
    containers: Sequence[ContainerSummary],
    networks: Sequence[NetworkInspect],
    volumes: Sequence[Volume],
    images: Sequence[ImageSummary],
) -> Observed:
    """The four lists as one value."""
    return Observed(
        tuple(sorted_containers(containers)),
        {item.name: _network(item) for item in networks},
        {item.name: _volume(item) for item in volumes},
        _images(images),
    )


def sorted_containers(found: Iterable[ContainerSummary]) -> list[ObservedContainer]:
    """Containers by name."""
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


def _images(found: Sequence[ImageSummary]) -> dict[str, str]:
    references = {item.id: item.id for item in found}
    for item in found:
        for name in (*item.repo_tags, *item.repo_digests):
            references[familiar(name)] = item.id
    return references
