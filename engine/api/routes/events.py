"""`GET /events`: what happened, and what happens."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator

from engine.api.event_filter import event_filter
from engine.api.messages import Answer, Request, Stream
from engine.api.outbox import closed_after
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import BadRequest, as_failure
from engine.events.bus import EventBus
from engine.wire.codec import encode
from engine.wire.filters import Filters, parse_filters
from engine.wire.times import parse_time


async def events(services: Services, request: Request) -> Answer:
    """Remembered events from `since` on, then new ones until `until`, a line of JSON each.

    As in Docker a filter that nobody knows matches everything.
    """
    texts = request.query.text("since"), request.query.text("until")
    with as_failure():
        since, until = (parse_time(text) if text else None for text in texts)
    if since is not None and until is not None and until < since:
        raise BadRequest(f"`since` time ({texts[0]}) cannot be after `until` time ({texts[1]})")
    filters = parse_filters(request.query.text("filters"))
    if until is not None and since is None and until < time.time_ns():
        since = 0  # only past events were asked for, so all of them
    return Stream(_lines(services.events, filters, since, until), at_once=True)


async def _lines(bus: EventBus, filters: Filters, since: int | None, until: int | None) -> AsyncGenerator[bytes, None]:
    async with closed_after(bus.replay(event_filter(filters), since_nano=since, until_nano=until)) as found:
        async for event in found:
            yield encode(event) + b"\n"


ROUTES = (Route("GET", "/events", events),)
