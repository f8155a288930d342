"""What Docker answers about clusters when its node is in none, which ours never is."""

from __future__ import annotations

from typing import Final

from engine.api.messages import Answer, Request
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import NotImplementedHere, Unavailable

_NOUNS: Final = ("swarm", "nodes", "services", "tasks", "secrets", "configs")
_METHODS: Final = ("GET", "POST", "DELETE")


async def no_manager(services: Services, request: Request) -> Answer:
    """Everything that only a manager of a swarm could answer."""
    # Docker's words as they are: clients look for them.
    raise Unavailable(
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
        "to connect this node to swarm and try again."
    )


async def leave(services: Services, request: Request) -> Answer:
    """`POST /swarm/leave`."""
    raise Unavailable("This node is not part of a swarm")


async def unsupported(services: Services, request: Request) -> Answer:
    """`POST /swarm/init` and `/swarm/join`: the one place to say that this will not change."""
    raise NotImplementedHere("swarm mode is not a part of this engine", hint="use Compose files with pycompose")


ROUTES = (
    Route("POST", "/swarm/init", unsupported),
    Route("POST", "/swarm/join", unsupported),
    Route("POST", "/swarm/leave", leave),
    *(Route(method, f"/{noun}", no_manager) for noun in _NOUNS for method in _METHODS),
    *(Route(method, f"/{noun}/{{rest:path}}", no_manager) for noun in _NOUNS for method in _METHODS),
)
