"""Taking back what a failed run has made and not brought to life, so that nothing half-made is left."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from compose.apply.made import Made
from compose.apply.refusals import refusals
from compose.errors import ComposeError
from engine.client import EngineClient

log = logging.getLogger(__name__)

_SECONDS = 20  # for all of it: a failure has to be told in the end, whatever the engine does


async def unmake(engine: EngineClient, made: Made, started: set[str], removed: Callable[[str], None]) -> None:
    """Remove the containers that were never started, then the networks and volumes that nobody uses now.

    `removed` is told each resource. What cannot be removed stays, and is only logged: the failure that led here
    is the one to tell.
    """

    async def remove(resource: str, call: Callable[[], Awaitable[object]]) -> None:
        try:
            with refusals(f"removing {resource}", fine=(404,)):
                await call()
        except ComposeError as exc:
            log.debug("%s", exc)
        else:
            removed(resource)

    with anyio.move_on_after(_SECONDS, shield=True):
        for container, action in made.lifeless(started):
            # An heir's anonymous volumes are those of the container that it was to replace.
            keep = bool(action.replaces)
            await remove(
                f"Container {action.final_name}",
                partial(engine.remove_container, container, force=True, volumes=not keep),
            )
        for name in reversed(made.networks):
            await remove(f"Network {name}", partial(engine.remove_network, name))
        for name in reversed(made.volumes):
            await remove(f"Volume {name}", partial(engine.remove_volume, name))
