"""The container of `run`: its dependencies up, then itself, joined to our terminal."""

from __future__ import annotations

import sys

import anyio
from msgspec.structs import replace

from compose.apply.looking.observe import observe
from compose.apply.refusals import refusals
from compose.cli.reaching.connection import connected, equipped
from compose.cli.running.attached import Attachment, passing_on_signals, run_attached
from compose.cli.running.request import RunRequest, one_off_service
from compose.cli.session import Session
from compose.cli.terminal import progress
from compose.cli.up.supplying import supplied
from compose.cli.working import Stage, attempt, perform, tell_warnings
from compose.errors import UsageError
from compose.model.project import Project
from compose.plan import labels
from compose.plan.actions import CreateContainer, PullImage
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.deciding.pulling import plan_attempts, pull_reason, refreshed_images
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.images import image_of
from compose.plan.steps import Plan, Step
from compose.plan.telling.progress import Report
from compose.render.progress import Quiet
from engine.client import EngineClient


async def run_one_off(session: Session, project: Project, request: RunRequest, *, slug: str) -> int:
    """Create the container, run it to its end (unless detached) and return its exit code."""
    name = request.name or project.separator.join((project.name, request.service, "run", slug[:12]))
    async with connected(session) as engine:
        async with progress(session, "run") as shown:
            project = await _surroundings(session, engine, project, request, shown.update)
        service = one_off_service(project.services[request.service], request)
        create = CreateContainer(
            service,
            1,
            name,
            name,
            image_of(project, service),
            "run",
            slug=slug,
            is_aliased=request.use_aliases,
            is_passing=request.remove and request.detach,
        )
        is_over = False
        # Made before it is joined: who interrupts in between wants it removed, too.
        try:
            async with progress(session, "run") as shown:
                await _create(engine, project, create, request, shown.update)
            if request.detach:
                with refusals(f"starting container {name}"):
                    await engine.start_container(name)
                    sys.stdout.write(f"{(await engine.inspect_container(name)).id}\n")
                is_over = True
                return 0
            # Once it runs, signals are the container's until it is gone.
            async with passing_on_signals(engine, name):
                wish = Attachment(name, service.tty, service.stdin_open, starts=True, passes_signals=False)
                code = await run_attached(engine, wish)
                if request.remove and code is not None:  # left by its detach keys, it goes on
                    with refusals(f"removing container {name}", fine=(404,)):
                        await _remove(engine, name, slug)
                is_over = True
            return code or 0
        finally:
            if request.remove and not is_over:
                with anyio.move_on_after(30, shield=True), refusals(f"removing container {name}", fine=(404,)):
                    await _remove(engine, name, slug)


async def _remove(engine: EngineClient, name: str, slug: str) -> None:
    found = await engine.inspect_container(name)
    if found.config.labels.get(labels.SLUG) == slug:  # not one that had the name before, and was in the way
        await engine.remove_container(found.id, force=True, volumes=True)


async def _surroundings(
    session: Session, engine: EngineClient, project: Project, request: RunRequest, report: Report
) -> Project:
    """Bring up what the service needs, build its image, and give the project as it is then."""
    project = await supplied(engine, await equipped(session, engine, project), report)
    if request.service not in project.services:
        raise UsageError(f"service `{request.service}` is provided by a program and has no container")
    observed = await observe(engine, project.name, refreshed_images(project))
    wanted = BuildOptions(always=request.build)
    policy = "build" if request.build else request.pull
    tries = plan_attempts(project, observed, policy=policy)
    if await attempt(tries, Stage(engine, project, observed), Quiet().update if request.quiet_pull else report):
        observed = await observe(engine, project.name, refreshed_images(project))
    if builds := plan_builds(project, observed, wanted, {request.service} if request.build else ()):
        quiet = Quiet().update if request.quiet_build else report
        await perform(builds, Stage(engine, project, observed), quiet)
        observed = await observe(engine, project.name, refreshed_images(project))
    options = Options(untouched=frozenset({request.service}), remove_orphans=request.remove_orphans)
    plan = reconcile(project, observed, options)
    tell_warnings(session, plan)
    await perform(replace(plan, unchanged=()), Stage(engine, project, observed), report)
    return project


async def _create(
    engine: EngineClient, project: Project, create: CreateContainer, request: RunRequest, report: Report
) -> None:
    observed = await observe(engine, project.name, refreshed_images(project))
    plan = _creation(create, pull_reason(project, create.service, observed, request.pull))
    await perform(plan, Stage(engine, project, observed), Quiet().update if request.quiet_pull else report)


def _creation(create: CreateContainer, pull_because: str) -> Plan:
    steps = [Step(1, PullImage(create.image, pull_because, create.service.platform))] if pull_because else []
    return Plan((*steps, Step(2, create, (1,) if steps else ())))
