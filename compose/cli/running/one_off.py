"""The container of `run`: its dependencies up, then itself, joined to our terminal."""

from __future__ import annotations

import sys

import anyio
from msgspec.structs import replace

from compose.apply.looking.observe import observe
from compose.apply.preflight import preflight
from compose.apply.refusals import refusals
from compose.apply.stage import Stage
from compose.cli.reaching.connection import connected, equipped
from compose.cli.running.attached import Attachment, passing_on_signals, run_attached
from compose.cli.running.request import RunRequest, one_off_service
from compose.cli.session import Session
from compose.cli.terminal import progress
from compose.cli.up.provisioning import Provisioner
from compose.cli.up.supplying import supplied
from compose.cli.working import perform, tell_warnings
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
from engine.client import EngineClient


async def run_one_off(session: Session, project: Project, request: RunRequest, *, slug: str) -> int:
    """Create the container, run it to its end (unless detached) and return its exit code."""
    name = request.name or project.separator.join((project.name, request.service, "run", slug[:12]))
    async with connected(session) as engine:
        async with progress(session, "run") as shown:
            project = await supplied(engine, await equipped(session, engine, project), shown.update)
            if request.service not in project.services:
                raise UsageError(f"service `{request.service}` is provided by a program and has no container")
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
            await _surround(session, engine, project, request, create, shown.update)
        if engine.only_reads:
            return 0
        is_over = False
        # Made before it is joined: who interrupts in between wants it removed, too.
        try:
            async with progress(session, "run") as shown:
                observed = await observe(engine, project.name)
                await perform(Plan((Step(1, create),)), Stage(engine, project, observed), shown.update)
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
