"""`/grpc` and `/session`: BuildKit's own protocol inside the API, as buildx speaks it on taken-over connections."""

from __future__ import annotations

from typing import Final

from engine.api.messages import Accept, Answer, Hijack, Request
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import BadRequest
from engine.wire.http import RAW_STREAM

_PROTOCOL: Final = "h2c"
_ACCEPTED: Final = (("Connection", "Upgrade"), ("Upgrade", _PROTOCOL))
_SESSION: Final = "x-docker-expose-session-uuid"
_DIRECTORIES: Final = "x-docker-expose-session-sharedkey"


async def calls(services: Services, request: Request) -> Answer:
    """`POST /grpc`: the client makes calls."""
    _check_protocol(request)

    async def serve(accept: Accept) -> None:
        await services.buildkit.serve(await accept())

    return Hijack(serve, RAW_STREAM, _ACCEPTED)


async def session(services: Services, request: Request) -> Answer:
    """`POST /session`: the client answers calls of the engine's."""
    _check_protocol(request)
    identity = request.headers.get(_SESSION, "")
    await services.buildkit.check_session(identity)

    async def serve(accept: Accept) -> None:
        directories = request.headers.get(_DIRECTORIES, "")
        await services.buildkit.keep_session(identity, await accept(), directories)

    return Hijack(serve, RAW_STREAM, _ACCEPTED)


def _check_protocol(request: Request) -> None:
    protocol = request.headers.get("upgrade", "")
    if not protocol:
        raise BadRequest("no upgrade proto in request", hint="BuildKit's protocol is spoken by `docker buildx`")
    if protocol != _PROTOCOL:
        raise BadRequest(f"protocol {protocol} not supported")


ROUTES = (
    Route("POST", "/grpc", calls),
    Route("POST", "/session", session),
)
