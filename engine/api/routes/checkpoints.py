"""`/containers/{name}/checkpoints`, which Docker calls experimental. Restoring one is a start (`containers.py`)."""

from __future__ import annotations

from engine.api.messages import NO_CONTENT, Answer, Reply, Request, json_reply
from engine.api.router import Route
from engine.api.services import Services
from engine.containers.checkpoints.taking import Wish
from engine.errors import NotImplementedHere
from engine.wire.checkpoints import CheckpointCreateRequest, CheckpointSummary


async def create(services: Services, request: Request) -> Answer:
    """Make one: 201, 409 if the container does not run, 500 for a taken name, 503 where CRIU does not work."""
    _check_allowed(services)
    wish = await request.decode(CheckpointCreateRequest)
    await services.containers.checkpoint(request.name, Wish(wish.checkpoint_id, wish.checkpoint_dir, wish.exit))
    return Reply(201)


async def listing(services: Services, request: Request) -> Answer:
    """Those of a container, or in the directory `dir`; null for none, as from Docker."""
    _check_allowed(services)
    names = await services.containers.checkpoints(request.name, request.query.text("dir"))
    return json_reply([CheckpointSummary(name=name) for name in names] or None)


async def remove(services: Services, request: Request) -> Answer:
    """Remove one: 204, 500 if there is none."""
    _check_allowed(services)
    await services.containers.remove_checkpoint(request.name, request.params["checkpoint"], request.query.text("dir"))
    return NO_CONTENT


def _check_allowed(services: Services) -> None:
    if services.system.identity.forbids_experiments:
        raise NotImplementedHere(
            "This experimental feature is disabled by default. "
            "Start the Docker daemon in experimental mode in order to enable it.",
            hint='"experimental" is false in daemon.json',
        )


ROUTES = (
    Route("GET", "/containers/{name}/checkpoints", listing),
    Route("POST", "/containers/{name}/checkpoints", create),
    Route("DELETE", "/containers/{name}/checkpoints/{checkpoint}", remove),
)
