"""The engine itself: `_ping`, `version`, `info`, `events`, `system/df`, `auth`, and what is not here."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Final

import msgspec

from engine.api.event_filter import EVENT_FILTERS, event_filter
from engine.api.messages import Answer, Reply, Request, Stream, json_reply
from engine.api.outbox import closed_after
from engine.api.router import Route
from engine.api.routes.build import cache_record
from engine.api.routes.containers import not_here
from engine.api.services import Services
from engine.errors import BadRequest
from engine.events.bus import EventBus
from engine.wire.codec import encode
from engine.wire.filters import Filters, parse_filters
from engine.wire.http import Query
from engine.wire.images import AuthConfig, AuthResult
from engine.wire.times import parse_time
from engine.wire.volumes import VolumeUsage

_UNCACHED: Final = (
    ("Builder-Version", "1"),
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
    ("Pragma", "no-cache"),
    ("Swarm", "inactive"),
)


async def ping(services: Services, request: Request) -> Answer:
    """`GET` and `HEAD /_ping`: how clients find an engine and negotiate the API's version."""
    return Reply(200, b"OK", "text/plain; charset=utf-8", _UNCACHED)


async def version(services: Services, request: Request) -> Answer:
    """`GET /version`."""
    return json_reply(await services.system.version())


async def info(services: Services, request: Request) -> Answer:
    """`GET /info`."""
    return json_reply(await services.system.info())


async def events(services: Services, request: Request) -> Answer:
    """`GET /events`: remembered events from `since` on, then new ones until `until`, a line of JSON each."""
    since, until = _time(request.query, "since"), _time(request.query, "until")
    if since is not None and until is not None and until < since:
        raise BadRequest("`since` time cannot be after `until` time")
    filters = parse_filters(request.query.text("filters"), EVENT_FILTERS)
    if until is not None and since is None and until < time.time_ns():
        since = 0  # only past events were asked for, so all of them
    return Stream(_event_lines(services.events, filters, since, until), at_once=True)


async def _event_lines(
    bus: EventBus, filters: Filters, since: int | None, until: int | None
) -> AsyncGenerator[bytes, None]:
    async with closed_after(bus.replay(event_filter(filters), since_nano=since, until_nano=until)) as found:
        async for event in found:
            yield encode(event) + b"\n"


def _time(query: Query, name: str) -> int | None:
    text = query.text(name)
    return parse_time(text) if text else None


async def disk_usage(services: Services, request: Request) -> Answer:
    """`GET /system/df`. Clients take a volume's usage for granted here."""
    usage = await services.system.disk_usage()
    volumes = []
    for volume in services.volumes.all():
        users = services.containers.volume_users(volume.name)
        used = VolumeUsage(size=await services.volumes.size(volume.name), ref_count=len(users))
        volumes.append(msgspec.structs.replace(volume, usage_data=used))
    cached = [cache_record(item) for item in await services.builder.usage()]
    return json_reply({**usage, "Volumes": volumes, "BuildCache": cached})


async def auth(services: Services, request: Request) -> Answer:
    """`POST /auth`: check credentials. They belong to the client, who keeps them; each pull and push brings its own."""
    token = await services.images.log_in(await request.decode(AuthConfig))
    return json_reply(AuthResult(identity_token=token))


ROUTES = (
    Route("GET", "/_ping", ping),
    Route("HEAD", "/_ping", ping),
    Route("GET", "/version", version),
    Route("GET", "/info", info),
    Route("GET", "/events", events),
    Route("GET", "/system/df", disk_usage),
    Route("POST", "/auth", auth),
    Route("POST", "/session", not_here),
)
