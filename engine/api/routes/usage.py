"""`GET /system/df`: what images, containers, volumes and the build cache take of the disk."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.api.image_views import listed
from engine.api.messages import Answer, Request, json_reply
from engine.api.router import Route
from engine.api.routes.build import cache_record
from engine.api.services import Services
from engine.errors import BadRequest
from engine.wire.volumes import Volume, VolumeUsage

_TYPES: Final = ("container", "image", "volume", "build-cache")
# Older clients do not know the parameter, and take for granted that they get everything.
_TYPES_SINCE: Final = (1, 42)


async def disk_usage(services: Services, request: Request) -> Answer:
    """Everything, or the kinds that `type` names; the others are null, as Docker writes them."""
    wanted = _wanted(request)
    answer: dict[str, object] = {"LayersSize": 0, "Images": None, "Containers": None, "Volumes": None}
    cached = [cache_record(item) for item in await services.builder.usage()] if "build-cache" in wanted else None
    if "image" in wanted:
        answer["LayersSize"], images = await services.system.images_usage()
        answer["Images"] = [listed(image, request.version) for image in images]
    if "container" in wanted:
        answer["Containers"] = await services.system.containers_usage()
    if "volume" in wanted:
        answer["Volumes"] = await _volumes(services)
    if request.version < _TYPES_SINCE:
        answer["BuilderSize"] = sum(int(str(item["Size"])) for item in cached or ())
    return json_reply({**answer, "BuildCache": cached})


def _wanted(request: Request) -> frozenset[str]:
    asked = request.query.texts("type") if request.version >= _TYPES_SINCE else []
    for name in asked:
        if name not in _TYPES:
            raise BadRequest(f"unknown object type: {name}")
    return frozenset(asked or _TYPES)


async def _volumes(services: Services) -> list[Volume]:
    """Clients take a volume's usage for granted here."""
    volumes = []
    for volume in services.volumes.all():
        users = services.containers.volume_users(volume.name)
        used = VolumeUsage(size=await services.volumes.size(volume.name), ref_count=len(users))
        volumes.append(msgspec.structs.replace(volume, usage_data=used))
    return volumes


ROUTES = (Route("GET", "/system/df", disk_usage),)
