"""`/networks/…`."""

from __future__ import annotations

import time
from typing import Final

from msgspec import structs

from engine.api.messages import NO_CONTENT, OK, Answer, Request, json_reply
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import BadRequest, EngineError, NoSuchContainer, NoSuchNetwork, NotFound
from engine.wire.filters import Filters, filter_flag, matches_exactly, matches_labels, matches_text, parse_filters
from engine.wire.networks import (
    EndpointSettings,
    NetworkConnectRequest,
    NetworkCreateRequest,
    NetworkDisconnectRequest,
    NetworkInspect,
)
from engine.wire.times import parse_time, pruned_before

_FILTERS: Final = frozenset({"dangling", "driver", "id", "label", "name", "scope", "type"})
_PRUNE_FILTERS: Final = frozenset({"label", "label!", "until"})
_BUILTIN: Final = frozenset({"bridge", "host", "none"})
# Before, the field was none, and taken for unknown.
_IPV4_OPTIONAL: Final = (1, 48)


async def listing(services: Services, request: Request) -> Answer:
    """`GET /networks`; the containers of each are left out since 1.28, as in Docker."""
    filters = parse_filters(request.query.text("filters"), _FILTERS)
    inspected = [services.networks.inspect(record) for record in services.networks.all()]
    matching = [network for network in inspected if _matches(network, filters)]
    if request.version < (1, 28):
        return json_reply(matching)
    return json_reply([structs.replace(network, containers={}) for network in matching])


def _matches(network: NetworkInspect, filters: Filters) -> bool:
    dangling = filter_flag(filters, "dangling")
    kinds = filters.get("type", ())
    if any(kind not in ("custom", "builtin") for kind in kinds):
        raise EngineError(f"invalid filter: 'type'='{kinds[0]}'", hint="use custom or builtin")
    return (
        matches_exactly(network.driver, filters.get("driver", ()))
        and matches_text(network.id, filters.get("id", ()))
        and matches_text(network.name, filters.get("name", ()))
        and matches_exactly(network.scope, filters.get("scope", ()))
        and matches_exactly("builtin" if network.name in _BUILTIN else "custom", kinds)
        and matches_labels(network.labels, filters.get("label", ()))
        and (dangling is None or dangling == _is_unused(network))
    )


def _is_unused(network: NetworkInspect) -> bool:
    """Whether no container is on it now; stopped ones do not count, as in Docker."""
    return network.name not in _BUILTIN and not network.containers


async def inspect(services: Services, request: Request) -> Answer:
    """`GET /networks/{name}` with the containers that are connected now; `scope` says where to look for it."""
    record = services.networks.get(request.name)
    if request.query.text("scope") not in ("", record.scope):
        raise NoSuchNetwork(request.name)
    return json_reply(services.networks.inspect(record))


async def create(services: Services, request: Request) -> Answer:
    """`POST /networks/create`: 201, 409 for a taken name."""
    wish = await request.decode(NetworkCreateRequest)
    if request.version < _IPV4_OPTIONAL:
        wish = structs.replace(wish, enable_ipv4=True)
    return json_reply(await services.networks.create(wish), 201)


async def remove(services: Services, request: Request) -> Answer:
    """`DELETE /networks/{name}`: 403 if it is in use."""
    await services.networks.remove(request.name)
    return NO_CONTENT


async def connect(services: Services, request: Request) -> Answer:
    """`POST /networks/{name}/connect`: give a container a place in the network, live if it runs."""
    body = await request.decode(NetworkConnectRequest)
    _require_container(body.container)
    await services.containers.connect(request.name, body.container, body.endpoint_config or EndpointSettings())
    return OK


async def disconnect(services: Services, request: Request) -> Answer:
    """`POST /networks/{name}/disconnect`."""
    body = await request.decode(NetworkDisconnectRequest)
    _require_container(body.container)
    try:
        await services.containers.disconnect(request.name, body.container, force=body.force)
    except NoSuchContainer as exc:
        if not body.force:
            raise
        # What is forced off is an endpoint whose container is gone; here they go together.
        raise NotFound(f"endpoint {body.container} not found") from exc
    return OK


def _require_container(name: str) -> None:
    if not name:
        raise BadRequest('invalid name or ID supplied: ""')


async def prune(services: Services, request: Request) -> Answer:
    """`POST /networks/prune`: remove the networks on which no container is."""
    filters = parse_filters(request.query.text("filters"), _PRUNE_FILTERS)
    excluded = filters.get("label!", ())
    before_ns = pruned_before(filters.get("until", ()), time.time_ns())
    prunable: set[str] = set()
    for record in services.networks.all():
        network = services.networks.inspect(record)
        if (
            parse_time(network.created) < before_ns
            and _is_unused(network)
            and matches_labels(network.labels, filters.get("label", ()))
            and not (excluded and matches_labels(network.labels, excluded))
        ):
            prunable.add(network.id)
    with services.prunes.only_one("networks"):
        removed = await services.networks.prune(lambda record: record.id in prunable)
    services.events.publish("network", "prune", "", {"reclaimed": "0"})  # Docker counts nothing there
    return json_reply({"NetworksDeleted": removed or None})


ROUTES = (
    Route("GET", "/networks", listing),
    Route("GET", "/networks/", listing),
    Route("POST", "/networks/create", create),
    Route("POST", "/networks/prune", prune),
    Route("GET", "/networks/{name:path}", inspect),
    Route("DELETE", "/networks/{name:path}", remove),
    Route("POST", "/networks/{name:path}/connect", connect),
    Route("POST", "/networks/{name:path}/disconnect", disconnect),
)
