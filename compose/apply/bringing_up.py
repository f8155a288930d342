"""Carry out a plan that pulls, builds and awaits nothing, by either client of the engine (`engine.client.calls`)."""

from __future__ import annotations

from typing import TypeGuard

from compose.apply.nearby import carried_out
from compose.apply.performing.brief import Brief, perform_brief
from compose.apply.performing.ending import Engine
from compose.apply.performing.run import Run
from compose.apply.requests.mounts import has_inline_files
from compose.apply.subjects import subject_of
from compose.errors import ComposeError
from compose.model.project import Project
from compose.plan.actions import Action, CreateContainer, RestartContainer, StartContainer, StopContainer
from compose.plan.steps import Plan


def is_brief(plan: Plan, project: Project) -> bool:
    """Whether it takes nothing but requests with whole answers: nothing comes, streams or is waited for."""
    return all(_is_brief(step.action) and not _streams(step.action, project) for step in plan.steps)


async def bring_up(plan: Plan, run: Run[Engine]) -> list[ComposeError]:
    """Do every step of a plan that `is_brief`, until one fails; returns what has failed."""

    async def perform(action: Action) -> None:
        assert _is_brief(action), "a plan of brief acts"
        try:
            await perform_brief(run, action)
        except ComposeError as exc:
            exc.subject = exc.subject or subject_of(run.project, action, exc.message)
            raise

    return await carried_out(plan, run.engine, perform, keep_going=False)


def _is_brief(action: Action) -> TypeGuard[Brief]:
    return isinstance(action, Brief)


def _streams(action: Action, project: Project) -> bool:
    """Whether it runs a service's hooks, or puts files into its containers."""
    match action:
        case CreateContainer():
            return has_inline_files(project, action.service)
        case StartContainer() | RestartContainer() | StopContainer():
            service = project.services.get(action.service)
            return service is not None and (
                bool(service.post_start or service.pre_stop) or has_inline_files(project, service)
            )
        case _:
            return False
