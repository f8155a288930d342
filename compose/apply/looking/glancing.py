"""The same look as `compose.apply.looking.observe`, without an event loop, for commands that may have nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compose.apply.looking.observed import label_of, observed, sorted_containers
from compose.plan.observed import Observed, ObservedContainer
from engine.client.answers import parsed
from engine.client.glance import glance
from engine.wire.filters import format_filters
from engine.wire.http import format_target
from engine.wire.images import ImageSummary
from engine.wire.networks import NetworkInspect
from engine.wire.summaries import ContainerSummary
from engine.wire.volumes import VolumeList

Headers = Sequence[tuple[str, str]]


def glance_at_containers(
    engine: Path, headers: Headers, project_name: str, *, everything: bool = True
) -> list[ObservedContainer]:
    """As `observe_containers`. Raises `ApiError`, `EngineUnreachable`."""
    (body,) = glance(engine, [_containers(project_name, everything=everything)], headers)
    return sorted_containers(parsed(body, list[ContainerSummary]))


def glance_at_project(engine: Path, headers: Headers, project_name: str) -> Observed:
    """As `observe`, but for the age of images. Raises `ApiError`, `EngineUnreachable`."""
    targets = [_containers(project_name, everything=True), "/networks", "/volumes", "/images/json"]
    containers, networks, volumes, images = glance(engine, targets, headers)
    return observed(
        parsed(containers, list[ContainerSummary]),
        parsed(networks, list[NetworkInspect]),
        parsed(volumes, VolumeList).volumes,
        parsed(images, list[ImageSummary]),
    )


def _containers(project_name: str, *, everything: bool) -> str:
    filters = format_filters({"label": [label_of(project_name)]})
    return format_target("/containers/json", {"all": everything, "filters": filters})
