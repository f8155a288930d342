"""The two ways of `up`: in the background, and in the foreground with the containers' output."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.abc
from msgspec.structs import replace as altered

from compose.apply.follow import Follower, LogOptions, short_name
from compose.apply.observe import observe
from compose.apply.parallel import unwrapped
from compose.apply.preflight import preflight
from compose.cli.connection import connected, equipped
from compose.cli.interrupts import on_interrupts
from compose.cli.session import Session
from compose.cli.supplying import supplied
from compose.cli.terminal import output_colour, progress, warn, write_output, write_text
from compose.cli.up_options import UpRequest
from compose.cli.working import Stage, perform, tell_warnings
from compose.errors import UsageError
from compose.model.project import Project
from compose.plan.actions import CreateContainer, Plan, PullImage, RemoveContainer
from compose.plan.building import plan_builds
from compose.plan.images import familiar
from compose.plan.labels import container_name
from compose.plan.observed import Observed, ObservedContainer
from compose.plan.progress import Ended, Output, Report
from compose.plan.pulling import refreshed_images
from compose.plan.reconcile import plan_pulls, reconcile
from compose.plan.teardown import plan_kill, plan_stop
from compose.plan.trace import Trace
from compose.render.logs import LogFormat
from compose.render.progress import Progress, Quiet
from engine.client import EngineClient

if TYPE_CHECKING:
    from compose.apply.develop.rules import Watched

_INTERRUPTED = 130
_LAST_WORDS_SECONDS = 2  # for the end of the output of containers that were just stopped


async def detached(session: Session, project: Project, request: UpRequest, observed: Observed | None = None) -> int:
    """Bring the project up and leave it; `observed` if somebody has looked already."""
    async with connected(session) as engine, progress(session, "up") as shown:
        with _traced(session, request) as trace:
            plan, stage = await prepared(session, engine, project, request, shown.update, trace, observed)
            patience = request.wait_timeout if request.wait else None
            await perform(plan, stage, shown.update, trace=trace, patience_seconds=patience)
    return 0


async def attached(session: Session, project: Project, request: UpRequest) -> int:
    """Bring the project up and print its output until it ends or is interrupted, which stops it."""
    if request.exit_code_from and request.exit_code_from not in project.services:
        raise UsageError(f"no such service: {request.exit_code_from}")
    async with connected(session) as engine:
        foreground = _Foreground(session, engine, project, request)
        with unwrapped():
            return await foreground.run()


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
    builds = plan_builds(project, observed, request.build_options())
    if builds:
        quiet = Quiet().update if request.quiet_build else report
        await perform(builds, Stage(engine, project, observed), quiet, trace=trace)
        observed = await observe(engine, project.name, fresh)
    pulls = plan_pulls(project, observed, options)
    if pulls:
        await perform(pulls, Stage(engine, project, observed), _without_pulls(report, request), trace=trace)
        images = [step.action.image for step in pulls.steps if isinstance(step.action, PullImage)]
        options = altered(options, pulled=frozenset(map(familiar, images)))
        observed = await observe(engine, project.name, fresh)
    plan = reconcile(project, observed, options)
    tell_warnings(session, plan)
    await preflight(engine, project, plan)
    return plan, Stage(engine, project, observed)


class _Foreground:
    """One `up` in the foreground: the project's output, and what Ctrl-C does to it."""

    def __init__(self, session: Session, engine: EngineClient, project: Project, request: UpRequest) -> None:
        self.session = session
        self.engine = engine
        self.project = project
        self.request = request
        self.attached = request.attached(project)
        names = [
            short_name(project.name, container_name(project, service, number + 1))
            for service in project.services.values()
            if service.name in self.attached
            for number in range(request.scale.get(service.name, service.scale))
        ]
        colour = output_colour(session) and not request.no_color
        self.format = LogFormat(names, colour=colour, prefix=not request.no_log_prefix)
        self.shown: Progress = Quiet()
        self.is_interrupted = False
        self.rules = _watched(session, project) if request.watch else []

    async def run(self) -> int:
        """Up, output, end; returns the exit code."""
        working, stopping = anyio.CancelScope(), anyio.CancelScope()

        def interrupt() -> None:
            self.is_interrupted = True
            working.cancel()

        async with anyio.create_task_group() as tasks:
            await tasks.start(on_interrupts, (interrupt, stopping.cancel))
            follower = self._follower()
            with working:
                await self._until_over(follower, tasks)
            if self.is_interrupted or self._is_aborting(follower):
                await self._stop(stopping)
                with anyio.move_on_after(_LAST_WORDS_SECONDS):
                    await follower.until_idle()
            tasks.cancel_scope.cancel()
        if self.is_interrupted:
            return _INTERRUPTED
        return self._exit_code(follower)

    async def _until_over(self, follower: Follower, tasks: anyio.abc.TaskGroup) -> None:
        async with self._showing("up"):
            report = self.shown.update
            with _traced(self.session, self.request) as trace:
                plan, stage = await prepared(self.session, self.engine, self.project, self.request, report, trace)
                mine = [item for item in self._mine(stage.observed) if item.service in self.attached]
                running = [item for item in mine if item.state == "running"]
                stopped = [item for item in mine if item.state != "running"]
                await tasks.start(partial(follower.run, running, stopped=stopped))
                self._tell_attached(plan, mine)
                started = await perform(plan, stage, report, trace=trace)
            await follower.until_noticed(started)
        if self.rules:
            tasks.start_soon(self._develop, name="watch")
        if self.request.abort_on_exit:
            await follower.first_end.wait()
            return
        async with anyio.create_task_group() as over:
            if self.request.abort_on_failure:
                over.start_soon(_then, follower.first_failure.wait, over.cancel_scope.cancel)
            if self.rules:
                await anyio.sleep_forever()  # the next change may bring back what has ended
            await follower.until_idle()
            over.cancel_scope.cancel()

    async def _develop(self) -> None:
        from compose.cli.developing import Developer

        def tell(line: str) -> None:
            self.shown.aside(f"{line}\n".encode(), write_output)

        await Developer(self.engine, self.project, self.rules, tell, Quiet().update).run()

    async def _stop(self, stopping: anyio.CancelScope) -> None:
        """Stop the project gracefully; when that is cancelled, kill what has not ended."""
        why = "Gracefully stopping" if self.is_interrupted else "Aborting on container exit"
        sys.stderr.write(f"{why}... (press Ctrl+C {'again ' if self.is_interrupted else ''}to force)\n")
        observed = await observe(self.engine, self.project.name)
        stage = Stage(self.engine, self.project, observed)
        async with self._showing("stop"):
            with stopping:
                plan = plan_stop(self._mine(observed), self.request.timeout_seconds, "interrupted")
                await perform(plan, stage, self.shown.update, keep_going=True)
            if stopping.cancelled_caught:
                observed = await observe(self.engine, self.project.name)
                left = [item for item in self._mine(observed) if item.state in ("running", "restarting", "paused")]
                await perform(plan_kill(left, "SIGKILL"), stage, self.shown.update, keep_going=True)

    def _mine(self, observed: Observed) -> list[ObservedContainer]:
        return [item for item in observed.containers if item.service in self.project.services and not item.is_one_off]

    @asynccontextmanager
    async def _showing(self, verb: str) -> AsyncIterator[None]:
        async with progress(self.session, verb) as shown:
            self.shown = shown
            try:
                yield
            finally:
                self.shown = Quiet()

    def _follower(self) -> Follower:
        options = LogOptions(tail="0", timestamps=self.request.timestamps)
        return Follower(
            self.engine,
            self.project.name,
            emit=self._emit,
            wanted=lambda service: service in self.attached,
            options=options,
            passing=_passing(self.project) if self.request.exit_code_from else frozenset(),
        )

    def _emit(self, item: Output | Ended) -> None:
        text = self.format.output(item) if isinstance(item, Output) else self.format.ended(item)
        self.shown.aside(text, write_output)

    def _tell_attached(self, plan: Plan, observed: list[ObservedContainer]) -> None:
        """Say whose output is going to be printed, as docker compose does."""
        creations = [step.action for step in plan.steps if isinstance(step.action, CreateContainer)]
        going = {step.action.container_id for step in plan.steps if isinstance(step.action, RemoveContainer)}
        names = {item.final_name for item in creations if item.service.name in self.attached}
        names |= {item.name for item in observed if item.id not in going}
        text = ", ".join(short_name(self.project.name, name) for name in sorted(names))
        self.shown.aside(f"Attaching to {text}\n".encode(), write_output)

    def _is_aborting(self, follower: Follower) -> bool:
        """Whether the end, or the failure, of one container is to stop the others."""
        return self.request.abort_on_exit or (self.request.abort_on_failure and follower.first_failure.is_set())

    def _exit_code(self, follower: Follower) -> int:
        if not (self.request.abort_on_exit or self.request.abort_on_failure):
            return 0
        if self.request.exit_code_from:
            return follower.exit_codes.get(self.request.exit_code_from, 0)
        codes = follower.exit_codes.values()
        return next((code for code in codes if code), 0) if self.request.abort_on_failure else next(iter(codes), 0)


def _passing(project: Project) -> frozenset[str]:
    """Services that others wait for to complete: who asks for the exit code of those others does not mean these."""
    return frozenset(
        name
        for service in project.services.values()
        for name, dependency in service.depends_on.items()
        if dependency.condition == "service_completed_successfully"
    )


def _watched(session: Session, project: Project) -> list[Watched]:
    from compose.cli.developing import developed  # with inotify, which hardly any `up` needs

    return developed(project, lambda message: warn(session, message))


async def _then(wait: Callable[[], Awaitable[object]], act: Callable[[], None]) -> None:
    await wait()
    act()


def _without_pulls(report: Report, request: UpRequest) -> Report:
    return Quiet().update if request.quiet_pull else report


@contextmanager
def _traced(session: Session, request: UpRequest) -> Iterator[Trace | None]:
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
