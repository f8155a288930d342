"""The way from an act to the calls that do it."""

from __future__ import annotations

from compose.apply.performing.containers import bring_to_life
from compose.apply.performing.resources import provide
from compose.apply.performing.run import Run
from compose.plan.actions import (
    Action,
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    PullImage,
    RenameContainer,
    RestartContainer,
    RunProvider,
    StartContainer,
    WaitFor,
)


async def perform(run: Run, action: Action) -> None:
    """Do the act and tell of it. Raises `ComposeError`. An act that nobody knows how to do is an error of mypy's."""
    match action:
        case PullImage() | BuildImage() | CreateNetwork() | CreateVolume() | RunProvider():
            await provide(run, action)
        case (
            CreateContainer()
            | StartContainer()
            | RestartContainer()
            | RenameContainer()
            | DisconnectNetwork()
            | WaitFor()
        ):
            await bring_to_life(run, action)
        case _:
            await run.ends.end(action)
