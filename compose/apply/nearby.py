"""Carry out a plan that only stops and removes, by either client of the engine (see `engine.client.calls`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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

    async def end(action: Action) -> None:
        assert _is_ending(action), "a plan of ends"
        await ends.end(action)

    raise_all(await carried_out(plan, engine, end, keep_going=True))


async def carried_out(
    plan: Plan, engine: EngineCalls, perform: Callable[[Action], Awaitable[None]], *, keep_going: bool
) -> list[ComposeError]:
    """Perform each act as soon as those before it are done; returns what failed.

    The first failure ends the rest, unless `keep_going`: then every step is tried.
    """
    course = Course(plan)
    failures: list[ComposeError] = []
    async with engine.tasks() as tasks:

        async def run(step: Step) -> None:
            if failures and not keep_going:
                return
            try:
                await perform(step.action)
            except ComposeError as exc:
                # What fails while the rest ends because of another failure would only blur that one.
                if keep_going or not failures:
                    failures.append(exc)
                if not keep_going:
                    tasks.cancel_scope.cancel()
            for other in course.after(step):
                tasks.start_soon(run, other)

        for step in course.first():
            tasks.start_soon(run, step)
    return failures


def _is_ending(action: Action) -> TypeGuard[Ending]:
    return isinstance(action, Ending)


def _has_hooks(action: Action, project: Project) -> bool:
    service = project.services.get(action.service) if isinstance(action, StopContainer) else None
    return service is not None and bool(service.pre_stop)
