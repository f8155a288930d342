"""The engine itself: `_ping`, `version`, `info`, `auth`, and what is not here."""

from __future__ import annotations

from typing import Final

from engine.api.messages import OK, Answer, Reply, Request, json_reply
from engine.api.older import info_as_of
from engine.api.router import Route
from engine.api.services import Services
from engine.wire.images import AuthConfig, AuthResult

_UNCACHED: Final = (
    ("Builder-Version", "2"),  # BuildKit's is preferred; a command line without buildx takes the classic builder
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
    return json_reply(info_as_of(await services.system.info(), request.version))


async def auth(services: Services, request: Request) -> Answer:
    """`POST /auth`: check credentials. They belong to the client, who keeps them; each pull and push brings its own."""
    token = await services.images.log_in(await request.decode(AuthConfig))
    return json_reply(AuthResult(identity_token=token))


async def options(services: Services, request: Request) -> Answer:
    """`OPTIONS` of anything: no web page may talk to an engine, so there is nothing to allow."""
    return OK


ROUTES = (
    Route("GET", "/_ping", ping),
    Route("HEAD", "/_ping", ping),
    Route("GET", "/version", version),
    Route("GET", "/info", info),
    Route("POST", "/auth", auth),
    Route("OPTIONS", "/{anything:path}", options),
)
