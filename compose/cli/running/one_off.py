"""The container of `run`: its dependencies up, then itself, joined to our terminal."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from msgspec.structs import replace

from compose.apply.looking.observe import observe
from compose.apply.preflight import preflight
from compose.apply.refusals import refusals
from compose.apply.stage import Stage
from compose.cli.carrying_out import perform, tell_warnings
from compose.cli.reaching.connection import connected, equipped
from compose.cli.running.attached import Attachment, passing_on_signals, remove_passing, run_attached
from compose.cli.running.request import RunRequest, one_off_service
from compose.cli.session import Session
from compose.cli.terminal import progress
from compose.cli.up.provisioning import Provisioner
from compose.cli.up.supplying import supplied
from compose.errors import UsageError
from compose.model.project import Project
from compose.plan import labels
from compose.plan.actions import CreateContainer
from compose.plan.deciding.building import BuildOptions
from compose.plan.deciding.foresight import AFTER_BUILDS, Foresight, fetching, imagine, with_one_off
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.images import image_of
from compose.plan.observed import Observed
from compose.plan.steps import Plan, Step
from compose.plan.telling.progress import Report
from compose.render.progress import Quiet
from engine.client import EngineClient

_REMOVAL_SECONDS = 30  # once the command is interrupted


async def run_one_off(session: Session, project: Project, request: RunRequest, *, slug: str) -> int:
    """Create the container, run it to its end (unless detached) and return its exit code."""
    async with connected(session) as engine:
        async with progress(session, "run") as shown:
            project = await equipped(session, engine, project)
            project = await supplied(engine, project, shown.update, quiet_pull=request.quiet_pull)
            create = _creation(project, request, slug)
            await _surround(session, engine, project, request, create, shown.update)
        if engine.only_reads:
            return 0
        # Made before it is joined: who interrupts in between wants it removed, too.
        async with _removed_unless_over(engine, request, create) as left:
            # Untold: what `run` prints is the command's.
            stage = Stage(engine, project, await observe(engine, project.name))
            await perform(Plan((Step(1, create),)), stage, Quiet().update)
            if request.detach:
                await _start(engine, create.name)
                left.set()
                return 0
            return await _join(engine, request, create, left)


def _creation(project: Project, request: RunRequest, slug: str) -> CreateContainer:
    """The act that makes the container. Raises `UsageError` for a service that has none."""
    if request.service not in project.services:
        raise UsageError(f"service `{request.service}` is provided by a program and has no container")
    service = one_off_service(project.services[request.service], request)
    name = request.name or project.separator.join((project.name, request.service, "run", slug[:12]))
    return CreateContainer(
        service,
        1,
        name,
        name,
        image_of(project, service),
        "run",
        slug=slug,
        is_aliased=request.use_aliases,
        is_passing=request.remove,
    )


@asynccontextmanager
async def _removed_unless_over(
    engine: EngineClient, request: RunRequest, create: CreateContainer
) -> AsyncIterator[anyio.Event]:
    """Remove the container after the block if that is asked for, unless the block sets the event."""
    left = anyio.Event()
    try:
        yield left
    finally:
        if request.remove and not left.is_set():
            with anyio.move_on_after(_REMOVAL_SECONDS, shield=True):
                await _remove(engine, create)


async def _start(engine: EngineClient, name: str) -> None:
    """Start it in the background, and print its id."""
    with refusals(f"starting container {name}"):
        await engine.start_container(name)
        sys.stdout.write(f"{(await engine.inspect_container(name)).id}\n")


async def _join(engine: EngineClient, request: RunRequest, create: CreateContainer, left: anyio.Event) -> int:
    """Start it joined to our terminal; returns its exit code, 0 where it was left by its detach keys and goes on."""
    service = create.service
    # Once it runs, signals are the container's until it is gone.
    async with passing_on_signals(engine, create.name):
        wish = Attachment(
            create.name,
            service.tty,
            service.stdin_open,
            starts=True,
            is_passing=create.is_passing,
            passes_signals=False,
        )
        code = await run_attached(engine, wish)
        left.set()
    return code or 0


async def _remove(engine: EngineClient, create: CreateContainer) -> None:
    with refusals(f"removing container {create.name}", fine=(404,)):  # gone already
        found = await engine.inspect_container(create.name)
        if found.config.labels.get(labels.SLUG) == create.slug:  # not one that had the name before, and was in the way
            await remove_passing(engine, found.id)


async def _surround(
    session: Session,
    engine: EngineClient,
    project: Project,
    request: RunRequest,
    create: CreateContainer,
    report: Report,
) -> None:
    """Bring up what the container needs, with all images, unless something is sure to fail: then all that is raised."""
    options = Options(untouched=frozenset({request.service}), remove_orphans=request.remove_orphans)
    builds = BuildOptions(always=request.build, attempt="build" if request.build else request.pull)
    built = {request.service} if request.build else set[str]()

    def imagined(observed: Observed, builds: BuildOptions = builds) -> Foresight:
        found = imagine(project, observed, options, builds, built)
        return with_one_off(found, project, observed, create, request.pull)

    provisioner = Provisioner(engine, project, report)
    provisioner.hush(pulls=request.quiet_pull, builds=request.quiet_build)
    observed = await provisioner.look()
    found = imagined(observed)
    await preflight(engine, project, found)
    if engine.only_reads:  # nothing gets built or pulled, so what comes after it has to be imagined
        for plan in found.plans:
            await perform(replace(plan, unchanged=()), Stage(engine, project, observed), report)
        return
    observed = await provisioner.built(found, observed, imagined)
    pulls = fetching(*imagined(observed, AFTER_BUILDS).plans)
    observed, options = await provisioner.pulled(pulls, observed, options)
    plan = reconcile(project, observed, options)
    tell_warnings(session, plan)
    await perform(replace(plan, unchanged=()), Stage(engine, project, observed), report)
