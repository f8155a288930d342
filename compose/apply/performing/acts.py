"""Which function carries out which act."""

from __future__ import annotations

from compose.apply.performing.brief import perform_brief
from compose.apply.performing.lasting import LastingRun
from compose.apply.performing.streaming import last
from compose.plan.actions import Action, BuildImage, PullImage, RunProvider, StartContainer, WaitFor


async def perform(run: LastingRun, action: Action) -> None:
    """Do the act and tell of it. Raises `ComposeError`. An act that nobody knows how to do is an error of mypy's."""
    match action:
        case PullImage() | BuildImage() | RunProvider() | WaitFor():
            await last(run, action)
        case StartContainer():
            run.patience.begin()
            await perform_brief(run, action)
        case _:
            await perform_brief(run, action)
