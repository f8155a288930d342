"""`/volumes/…`."""

from __future__ import annotations

from typing import Final

from engine.api.messages import NO_CONTENT, Answer, Request, json_reply
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import Conflict, NotFound, Unavailable
from engine.wire.filters import Filters, filter_flag, matches_exactly, matches_labels, matches_text, parse_filters
from engine.wire.volumes import Volume, VolumeCreateRequest, VolumeList

_FILTERS: Final = frozenset({"dangling", "driver", "label", "name"})
_PRUNE_FILTERS: Final = frozenset({"all", "label", "label!"})
_ANONYMOUS: Final = "com.docker.volume.anonymous"


async def listing(services: Services, request: Request) -> Answer:
    """`GET /volumes`."""
    filters = parse_filters(request.query.text("filters"), _FILTERS)
    dangling = filter_flag(filters, "dangling")
    found = [one for one in services.volumes.all() if _matches(services, one, filters, dangling)]
    return json_reply(VolumeList(volumes=found))


def _matches(services: Services, volume: Volume, filters: Filters, dangling: bool | None) -> bool:
    return (
        matches_text(volume.name, filters.get("name", ()))
        and matches_exactly(volume.driver, filters.get("driver", ()))
        and matches_labels(volume.labels, filters.get("label", ()))
        and (dangling is None or dangling == (not services.containers.volume_users(volume.name)))
    )


async def inspect(services: Services, request: Request) -> Answer:
    """`GET /volumes/{name}`."""
    return json_reply(services.volumes.get(request.name))


async def create(services: Services, request: Request) -> Answer:
    """`POST /volumes/create`: 201, also for one that exists."""
    return json_reply(await services.volumes.create(await request.decode(VolumeCreateRequest)), 201)


async def update(services: Services, request: Request) -> Answer:
    """`PUT /volumes/{name}`: what only a swarm's volumes know."""
    raise Unavailable("volume update only valid for cluster volumes, but swarm is unavailable")


async def remove(services: Services, request: Request) -> Answer:
    """`DELETE /volumes/{name}`: 409 if a container refers to it."""
    await services.volumes.remove(
        request.name, force=request.query.flag("force"), used_by=services.containers.volume_users
    )
    return NO_CONTENT


async def prune(services: Services, request: Request) -> Answer:
    """`POST /volumes/prune`: remove unused volumes; since API 1.42 anonymous ones only, unless `all`."""
    filters = parse_filters(request.query.text("filters"), _PRUNE_FILTERS)
    everything = request.version < (1, 42) or filter_flag(filters, "all") is True
    excluded = filters.get("label!", ())
    removed: list[str] = []
    freed_bytes = 0
    with services.prunes.only_one("volumes"):
        for volume in services.volumes.all():
            labels = volume.labels or {}
            if (
                (everything or _ANONYMOUS in labels)
                and matches_labels(labels, filters.get("label", ()))
                and not (excluded and matches_labels(labels, excluded))
                and (size_bytes := await _remove_unused(services, volume)) is not None
            ):
                removed.append(volume.name)
                freed_bytes += size_bytes
    services.events.publish("volume", "prune", "", {"reclaimed": str(freed_bytes)})
    return json_reply({"VolumesDeleted": removed or None, "SpaceReclaimed": freed_bytes})


async def _remove_unused(services: Services, volume: Volume) -> int | None:
    """The bytes that were freed; None if a container uses the volume. What is mounted from elsewhere is not freed."""
    if services.containers.volume_users(volume.name):
        return None
    try:
        size_bytes = 0 if volume.options else await services.volumes.size(volume.name)
        await services.volumes.remove(volume.name, force=False, used_by=services.containers.volume_users)
    except (Conflict, NotFound):
        return None
    return size_bytes


ROUTES = (
    Route("GET", "/volumes", listing),
    Route("POST", "/volumes/create", create),
    Route("POST", "/volumes/prune", prune),
    Route("GET", "/volumes/{name}", inspect),
    Route("PUT", "/volumes/{name}", update),
    Route("DELETE", "/volumes/{name}", remove),
)
