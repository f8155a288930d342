"""Carry out a plan: one task group, each step as soon as its own prerequisites are done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, nullcontext

import anyio
from msgspec import Struct

from compose.apply.course import Course
from compose.apply.made import is_taken_back
from compose.apply.performing.acts import perform
from compose.apply.performing.lasting import LastingRun
from compose.apply.performing.telling import Teller
from compose.apply.stage import Stage
from compose.apply.subjects import subject_of
from compose.apply.unmaking import unmake
from compose.apply.waiting import Patience, watching
from compose.errors import ComposeError, raise_all
from compose.plan.actions import PullImage, WaitFor
from compose.plan.steps import Plan, Step
from compose.plan.telling.progress import Report
from compose.plan.telling.trace import Span, Trace


class Outcome(Struct, frozen=True):
    """What has come of a plan: the containers that were started (ids), and what providers told, by service."""

    started: frozenset[str]
    variables: Mapping[str, Mapping[str, str]]


async def execute(
    plan: Plan,
    stage: Stage,
    report: Report,
    *,
    keep_going: bool = False,
    trace: Trace | None = None,
    patience_seconds: float | None = None,
) -> Outcome:
    """Do every step of `plan` and report each.

    The first failure ends the rest and is raised (`EngineRefused`, `ServiceFailed`, …); images that are refused, and
    builds that fail, are raised together. With `keep_going`, as a teardown wants it, every step is tried and all
    failures are raised together. Several come in an `ExceptionGroup`.
    Before a first failure is raised, what was made for nothing is removed again (see `unmaking`).
    Cancellation leaves finished steps as they are. A `trace` gets the time of every step. When `patience_seconds`
    have passed since the first start and not everything is as waited for, that is a `ServiceFailed`, too.
    """
    run = LastingRun(stage, Teller(report), Patience(patience_seconds))
    await _Execution(run, plan, keep_going=keep_going).all(trace.begin(plan) if trace else [])
    return Outcome(frozenset(run.started), run.variables)


class _Execution:
    """The course of one plan: when its steps begin, and what becomes of the rest when one fails."""

    def __init__(self, run: LastingRun, plan: Plan, *, keep_going: bool) -> None:
        self._run = run
        self._plan = plan
        self._keeps_going = keep_going
        self._failures: list[ComposeError] = []

    async def all(self, spans: list[Span]) -> None:
        """Do every step and put its time into `spans`. Raises what has failed."""
        run, failures = self._run, self._failures
        async with AsyncExitStack() as stack:
            if any(isinstance(step.action, WaitFor) for step in self._plan.steps):
                run.waiter = await stack.enter_async_context(watching(run.engine, run.project.name))
            with run.patience.scope as scope:
                await self._steps(spans)
            if scope.cancelled_caught and run.waiter and not failures:
                failures.append(await run.waiter.late(run.patience.seconds))
        if failures and not self._keeps_going and is_taken_back(failures[0]):
            await unmake(run.engine, run.made, run.started, run.teller.taken_back)
        raise_all(failures)

    async def _steps(self, spans: list[Span]) -> None:
        run, course = self._run, Course(self._plan)
        async with anyio.create_task_group() as tasks:

            async def do(step: Step) -> None:
                with run.calling_off.doing(step.action):
                    began = time.monotonic()
                    goes_on = await self._do(step)
                    spans.append(Span(step, began, time.monotonic()))
                    for other in course.after(step) if goes_on else ():
                        if run.calling_off.allows(other.action):
                            tasks.start_soon(do, other, name=f"step {other.number}")

            for step in course.first():
                tasks.start_soon(do, step, name=f"step {step.number}")

    async def _do(self, step: Step) -> bool:
        """Do one step; whether those after it may begin."""
        run = self._run
        try:
            # Waiting takes no turn: what it waits for may need the last one.
            async with nullcontext() if isinstance(step.action, WaitFor) else run.engine.turn():
                await perform(run, step.action)
        except ComposeError as exc:
            self._fail(step, exc)
            return self._keeps_going
        return True

    def _fail(self, step: Step, error: ComposeError) -> None:
        if not error.subject and is_taken_back(error):
            error.subject = subject_of(self._run.project, step.action, error.message)
        # What fails while the rest ends because of another failure would only blur that one.
        goes_on = isinstance(step.action, PullImage) or self._run.calling_off.allows(step.action)
        if self._keeps_going or not self._failures or goes_on:
            self._failures.append(error)
        if not self._keeps_going:
            self._run.calling_off.off(step.action)
