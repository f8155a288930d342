"""What every `up` does: build, pull, plan, carry out; and leave it at that, in the background."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from compose.apply.preflight import preflight
from compose.apply.stage import Stage
from compose.cli.carrying_out import perform, tell_warnings
from compose.cli.reaching.connection import connected, equipped
from compose.cli.session import Session
from compose.cli.terminal import progress, write_text
from compose.cli.up.options import UpRequest
from compose.cli.up.provisioning import Provisioner
from compose.cli.up.supplying import supplied
from compose.model.project import Project
from compose.plan.deciding.foresight import AFTER_BUILDS, fetching, imagine
from compose.plan.deciding.pulling import plan_attempts
from compose.plan.deciding.reconcile import reconcile
from compose.plan.observed import Observed
from compose.plan.steps import Plan
from compose.plan.telling.progress import Report
from compose.plan.telling.trace import Trace
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
    project = await equipped(session, engine, project)
    project = await supplied(engine, project, report, trace, quiet_pull=request.quiet_pull)
    options, builds = request.plan_options(), request.build_options()
    provisioner = Provisioner(engine, project, report, trace)
    provisioner.hush(pulls=request.quiet_pull, builds=request.quiet_build)
    observed = observed or await provisioner.look()
    if request.no_build:
        # What may not be built has to be had before it can be said that it is missing.
        tries = plan_attempts(project, observed, policy=builds.attempt)
        if (tried := await provisioner.tried(tries, observed)) is not None:
            observed, builds = tried, AFTER_BUILDS
    foresight = imagine(project, observed, options, builds)
    await preflight(engine, project, foresight)
    if engine.only_reads:  # nothing gets built or pulled, so what comes after it has to be imagined
        for imagined in (foresight.builds, foresight.pulls):
            await perform(imagined, Stage(engine, project, observed), report)
    plan = foresight.main
    if not (engine.only_reads or foresight.has_images):
        observed = await provisioner.built(foresight, observed, lambda now: imagine(project, now, options, builds))
        again = imagine(project, observed, options, AFTER_BUILDS)
        if again.pulls:  # all of them, then: what registries refuse is told together
            pulls = fetching(again.pulls, again.main)
            observed, options = await provisioner.pulled(pulls, observed, options)
        plan = reconcile(project, observed, options)
    tell_warnings(session, plan)
    return plan, Stage(engine, project, observed)


@contextmanager
def traced(
    session: Session, request: UpRequest, tell: Callable[[str], object] = sys.stderr.write
) -> Iterator[Trace | None]:
    """Time the block's steps if that is asked for, and tell what took the time at its end, however it ends."""
    if not (request.trace or request.trace_out):
        yield None
        return
    trace = Trace()
    if request.trace_out:
        write_text(session.cwd / request.trace_out, "")  # so that a file that cannot be written is told before the work
    try:
        yield trace
    finally:
        from compose.render.trace import path_line, trace_events

        path = trace.critical_path()
        if request.trace:
            tell(path_line(path))
        if request.trace_out:
            write_text(session.cwd / request.trace_out, trace_events(trace.phases, path))
