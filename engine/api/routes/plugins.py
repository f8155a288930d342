"""`/plugins…`: there are none, and none can be installed; drivers are parts of the engine."""

from __future__ import annotations

from engine.api.messages import Answer, Request, json_reply
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import NotFound, NotImplementedHere


async def listing(services: Services, request: Request) -> Answer:
    """`GET /plugins`."""
    return json_reply([])


async def unknown(services: Services, request: Request) -> Answer:
    """Every question about one plugin."""
    raise NotFound(f'plugin "{request.name}" not found')


async def unsupported(services: Services, request: Request) -> Answer:
    """Making or installing one."""
    raise NotImplementedHere("plugins are not a part of this engine: its drivers are built in")


ROUTES = (
    Route("GET", "/plugins", listing),
    Route("GET", "/plugins/privileges", unsupported),
    Route("POST", "/plugins/pull", unsupported),
    Route("POST", "/plugins/create", unsupported),
    Route("GET", "/plugins/{name:path}/json", unknown),
    Route("DELETE", "/plugins/{name:path}", unknown),
    *(
        Route("POST", f"/plugins/{{name:path}}/{verb}", unknown)
        for verb in ("enable", "disable", "upgrade", "push", "set")
    ),
)
