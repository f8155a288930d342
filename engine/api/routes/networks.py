"""`/networks/…`."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from engine.api.messages import NO_CONTENT, OK, Answer, Request, json_reply
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import BadRequest
from engine.wire.filters import Filters, filter_flag, matches_exactly, matches_labels, matches_text, parse_filters
from engine.wire.networks import (
    EndpointSettings,
    NetworkConnectRequest,
    NetworkCreateRequest,
    NetworkDisconnectRequest,
    NetworkInspect,
)

_FILTERS: Final = frozenset({"dangling", "driver", "id", "label", "name", "scope", "type"})
_PRUNE_FILTERS: Final = frozenset({"label", "label!", "until"})
_BUILTIN: Final = frozenset({"bridge", "host", "none"})


async def listing(services: Services, request: Request) -> Answer:
    """`GET /networks`; the containers of each are left out, as in Docker."""
    filters = parse_filters(request.query.text("filters"), _FILTERS)
    inspected = [services.networks.inspect(record) for record in services.networks.all()]
    matching = [network for network in inspected if _matches(services, network, filters)]
    return json_reply([structs.replace(network, containers={}) for network in matching])


def _matches(services: Services, network: NetworkInspect, filters: Filters) -> bool:
    dangling = filter_flag(filters, "dangling")
    kinds = filters.get("type", ())
    if any(kind not in ("custom", "builtin") for kind in kinds):
        raise BadRequest(f"invalid filter: 'type'='{kinds[0]}'", hint="use custom or builtin")
    return (
        matches_exactly(network.driver, filters.get("driver", ()))
        and matches_text(network.id, filters.get("id", ()))
        and matches_text(network.name, filters.get("name", ()))
        and matches_exactly(network.scope, filters.get("scope", ()))
        and matches_exactly("builtin" if network.name in _BUILTIN else "custom", kinds)
        and matches_labels(network.labels, filters.get("label", ()))
        and (dangling is None or dangling == _is_unused(services, network))
    )


def _is_unused(services: Services, network: NetworkInspect) -> bool:
    return network.name not in _BUILTIN and not network.containers and not services.containers.network_users(network.id)


async def inspect(services: Services, request: Request) -> Answer:
    """`GET /networks/{name}` with the containers that are connected now."""
    return json_reply(services.networks.inspect(services.networks.get(request.name)))


async def create(services: Services, request: Request) -> Answer:
    """`POST /networks/create`: 201, 409 for a taken name."""
    return json_reply(await services.networks.create(await request.decode(NetworkCreateRequest)), 201)


async def remove(services: Services, request: Request) -> Answer:
    """`DELETE /networks/{name}`: 403 if it is in use."""
    await services.networks.remove(request.name)
    return NO_CONTENT


async def connect(services: Services, request: Request) -> Answer:
    """`POST /networks/{name}/connect`: give a container a place in the network, live if it runs."""
    body = await request.decode(NetworkConnectRequest)
    await services.containers.connect(request.name, body.container, body.endpoint_config or EndpointSettings())
    return OK


async def disconnect(services: Services, request: Request) -> Answer:
    """`POST /networks/{name}/disconnect`."""
    body = await request.decode(NetworkDisconnectRequest)
    await services.containers.disconnect(request.name, body.container, force=body.force)
    return OK


async def prune(services: Services, request: Request) -> Answer:
    """`POST /networks/prune`: remove the networks that no container refers to."""
    filters = parse_filters(request.query.text("filters"), _PRUNE_FILTERS)
    excluded = filters.get("label!", ())
    prunable: set[str] = set()
    for record in services.networks.all():
        network = services.networks.inspect(record)
        if (
            _is_unused(services, network)
            and matches_labels(network.labels, filters.get("label", ()))
            and not (excluded and matches_labels(network.labels, excluded))
        ):
            prunable.add(network.id)
    removed = await services.networks.prune(lambda record: record.id in prunable)
    services.events.publish("network", "prune", "", {"reclaimed": "0"})  # Docker counts nothing there
    return json_reply({"NetworksDeleted": removed})


ROUTES = (
    Route("GET", "/networks", listing),
    Route("GET", "/networks/", listing),
    Route("POST", "/networks/create", create),
    Route("POST", "/networks/prune", prune),
    Route("GET", "/networks/{name}", inspect),
    Route("DELETE", "/networks/{name}", remove),
    Route("POST", "/networks/{name}/connect", connect),
    Route("POST", "/networks/{name}/disconnect", disconnect),
)
