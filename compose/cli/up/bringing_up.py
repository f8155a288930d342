"""What every `up` does: build, pull, plan, carry out; and leave it at that, in the background."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from compose.apply.looking.observe import observe
from compose.apply.preflight import preflight
from compose.cli.reaching.connection import connected, equipped
from compose.cli.session import Session
from compose.cli.terminal import progress, write_text
from compose.cli.up.options import UpRequest
from compose.cli.up.supplying import supplied
from compose.cli.working import Stage, attempt, perform, tell_warnings
from compose.model.project import Project
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.deciding.foresight import fetched, fetching, imagine
from compose.plan.deciding.pulling import plan_attempts, refreshed_images
from compose.plan.deciding.reconcile import reconcile
from compose.plan.images import familiar
from compose.plan.observed import Observed
from compose.plan.steps import Plan
from compose.plan.telling.progress import Report
from compose.plan.telling.trace import Trace
from compose.render.progress import Quiet
from engine.client import EngineClient


async def detached(session: Session, project: Project, request: UpRequest, observed: Observed | None = None) -> int:
    """Bring the project up and leave it; `observed` if somebody has looked already."""
    async with connected(session) as engine, progress(session, "up") as shown:
        with traced(session, request) as trace:
            plan, stage = await prepared(session, engine, project, request, shown.update, trace, observed)
            patience = request.wait_timeout if request.wait else None
            await perform(plan, stage, shown.update, trace=trace, patience_seconds=patience)
    return 0


async def prepared(  # noqa: PLR0913  # what, where, and how it is told
    session: Session,
    engine: EngineClient,
    project: Project,
    request: UpRequest,
    report: Report,
    trace: Trace | None = None,
    observed: Observed | None = None,
) -> tuple[Plan, Stage]:
    """The plan of an `up`; before it is made, images are built, and those pulled that may change containers."""
    project = await supplied(engine, await equipped(session, engine, project), report, trace)
    options, fresh = request.plan_options(), refreshed_images(project)
    observed = observed or await observe(engine, project.name, fresh)
    tries = plan_attempts(project, observed, policy=request.attempt_policy)
    quiet_pull = _without_pulls(report, request)
    # What may not be built has to be had before it can be said that it is missing.
    if request.no_build and await attempt(tries, Stage(engine, project, observed), quiet_pull, trace):
        observed, tries = await observe(engine, project.name, fresh), Plan()
    foresight = imagine(project, observed, options, request.build_options())
    await preflight(engine, project, foresight)
    builds = foresight.builds
    if engine.only_reads:  # nothing gets built or pulled, so what comes after it has to be imagined
        for imagined in (builds, foresight.pulls):
            await perform(imagined, Stage(engine, project, observed), report)
    if engine.only_reads or not (builds or tries or foresight.pulls):
        tell_warnings(session, foresight.main)
        return foresight.main, Stage(engine, project, observed)
    if await attempt(tries, Stage(engine, project, observed), quiet_pull, trace):
        observed = await observe(engine, project.name, fresh)
        builds = plan_builds(project, observed, request.build_options())
    if builds:
        quiet = Quiet().update if request.quiet_build else report
        await perform(builds, Stage(engine, project, observed), quiet, trace=trace)
        observed = await observe(engine, project.name, fresh)
    again = imagine(project, observed, options, BuildOptions(never=True))
    if again.pulls:  # all of them, then: what registries refuse is told together
        pulls = fetching(again.pulls, again.main)
        await perform(pulls, Stage(engine, project, observed), quiet_pull, trace=trace)
        options = replace(options, pulled=frozenset(map(familiar, fetched(pulls))))
        observed = await observe(engine, project.name, fresh)
    plan = reconcile(project, observed, options)
    tell_warnings(session, plan)
    return plan, Stage(engine, project, observed)


def _without_pulls(report: Report, request: UpRequest) -> Report:
    return Quiet().update if request.quiet_pull else report


@contextmanager
def traced(session: Session, request: UpRequest) -> Iterator[Trace | None]:
    """Time the block's steps if that is asked for, and tell what took the time at its end, however it ends."""
    if not (request.trace or request.trace_out):
        yield None
        return
    trace = Trace()
    try:
        yield trace
    finally:
        from compose.render.trace import path_line, trace_events

        path = trace.critical_path()
        if request.trace:
            sys.stderr.write(path_line(path))
        if request.trace_out:
            write_text(session.cwd / request.trace_out, trace_events(trace.phases, path))
