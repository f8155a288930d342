"""The acts that are plain requests, each with one whole response, by either client of the engine.

Most plans consist of nothing else, so they are carried out without importing an event loop.
"""

from __future__ import annotations

from typing import TypeAlias

from compose.apply.performing.containers import Living, bring_to_life
from compose.apply.performing.ending import Ending, Engine
from compose.apply.performing.resources import create_network, create_volume
from compose.apply.performing.run import Run
from compose.plan.actions import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    RenameContainer,
    RestartContainer,
    StartContainer,
)

Brief: TypeAlias = Living | CreateNetwork | CreateVolume | Ending


async def perform_brief(run: Run[Engine], action: Brief) -> None:
    """Do the act and tell of it. Raises `ComposeError`."""
    match action:
        case CreateNetwork():
            await create_network(run, action)
        case CreateVolume():
            await create_volume(run, action)
        case CreateContainer() | StartContainer() | RestartContainer() | RenameContainer() | DisconnectNetwork():
            await bring_to_life(run, action)
        case _:
            await run.ends.end(action)
