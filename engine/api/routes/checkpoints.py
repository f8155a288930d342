"""`/containers/{name}/checkpoints`: not here, as with a Docker that was not told to be experimental."""

from __future__ import annotations

from engine.api.messages import Answer, Request
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import NotImplementedHere


async def refuse(services: Services, request: Request) -> Answer:
    """Making, listing or removing a checkpoint: 501."""
    raise NotImplementedHere("checkpoints are not a part of this engine", hint="stop the container, or pause it")


ROUTES = (
    Route("GET", "/containers/{name}/checkpoints", refuse),
    Route("POST", "/containers/{name}/checkpoints", refuse),
    Route("DELETE", "/containers/{name}/checkpoints/{checkpoint}", refuse),
)
