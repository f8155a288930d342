"""Carry out a plan that only ends something, by whichever client: also the one without an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from compose.apply.course import Course
from compose.apply.performing.ending import Ending, Ends
from compose.apply.performing.telling import Teller
from compose.errors import ComposeError, raise_all
from compose.model.project import Project
from compose.plan.actions import Action, StopContainer
from compose.plan.steps import Plan, Step
from compose.plan.telling.progress import Report

if TYPE_CHECKING:
    from engine.client.nouns import EngineCalls


def is_near(plan: Plan, project: Project) -> bool:
    """Whether every step is an end for which nothing streams: hooks run before a stop, and say something."""
    return all(_is_ending(step.action) and not _has_hooks(step.action, project) for step in plan.steps)


async def end_nearby(plan: Plan, engine: EngineCalls, project: Project, report: Report) -> None:
    """Do every step of a plan that `is_near` and report each; all are tried, and all failures raised together."""
    ends = Ends(engine, Teller(report))
    course = Course(plan)
    failures: list[ComposeError] = []
    async with engine.tasks() as tasks:

        async def run(step: Step) -> None:
            assert _is_ending(step.action), "a plan of ends"
            try:
                await ends.end(step.action)
            except ComposeError as exc:
                failures.append(exc)
            for other in course.after(step):
                tasks.start_soon(run, other)

        for step in course.first():
            tasks.start_soon(run, step)
    raise_all(failures)


def _is_ending(action: Action) -> TypeGuard[Ending]:
    return isinstance(action, Ending)


def _has_hooks(action: Action, project: Project) -> bool:
    service = project.services.get(action.service) if isinstance(action, StopContainer) else None
    return service is not None and bool(service.pre_stop)
