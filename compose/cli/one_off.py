"""The container of `run`: its dependencies up, then itself, joined to our terminal."""

from __future__ import annotations

import shlex
import signal
import sys

import anyio
from msgspec.structs import replace

from compose.apply.observe import observe
from compose.apply.parallel import unwrapped
from compose.apply.refusals import refusals
from compose.cli.connection import connected
from compose.cli.run_request import RunRequest
from compose.cli.session import Session
from compose.cli.stdio import join
from compose.cli.terminal import progress
from compose.cli.working import Stage, perform, tell_warnings
from compose.errors import UsageError
from compose.model.project import Project
from compose.model.service import Mount, Port, Service
from compose.plan.actions import CreateContainer, Plan, PullImage, Step
from compose.plan.building import BuildOptions, plan_builds
from compose.plan.images import image_of, pull_reason
from compose.plan.reconcile import reconcile
from compose.plan.survey import Options
from compose.render.progress import Quiet
from engine.client import EngineClient


async def run_one_off(
    session: Session, project: Project, request: RunRequest, *, slug: str, with_terminal: bool
) -> int:
    """Create the container, run it to its end (unless detached) and return its exit code."""
    service = one_off_service(project.services[request.service], request, with_terminal=with_terminal)
    name = request.name or f"{project.name}-{request.service}-run-{slug[:12]}"
    async with connected(session) as engine:
        async with progress(session, "run") as shown:
            observed = await observe(engine, project.name)
            wanted = BuildOptions(always=request.build)
            if builds := plan_builds(project, observed, wanted, {request.service} if request.build else ()):
                await perform(builds, Stage(engine, project, observed), shown.update)
                observed = await observe(engine, project.name)
            options = Options(untouched=frozenset({request.service}), remove_orphans=request.remove_orphans)
            plan = reconcile(project, observed, options)
            tell_warnings(session, plan)
            await perform(replace(plan, unchanged=()), Stage(engine, project, observed), shown.update)
            observed = await observe(engine, project.name)
            creation = _creation(
                CreateContainer(
                    service, 1, name, name, image_of(project, service), "run", slug=slug, aliased=request.use_aliases
                ),
                pull_reason(project, service, observed, request.pull),
            )
            report = Quiet().update if request.quiet_pull else shown.update
            await perform(creation, Stage(engine, project, observed), report)
        if request.detach:
            with refusals(f"starting container {name}"):
                await engine.start_container(name)
            sys.stdout.write(f"{name}\n")
            return 0
        try:
            return await _joined(engine, name, service)
        finally:
            if request.remove:
                with anyio.move_on_after(30, shield=True), refusals(f"removing container {name}", fine=(404,)):
                    await engine.remove_container(name, force=True, volumes=True)


def one_off_service(service: Service, request: RunRequest, *, with_terminal: bool) -> Service:
    """The service as `run` wants it. Raises `UsageError` for what the options cannot mean."""
    ports = (*(service.ports if request.service_ports else ()), *map(_port, request.publish))
    return replace(
        service,
        command=request.words or service.command,
        entrypoint=tuple(shlex.split(request.entrypoint)) if request.entrypoint is not None else service.entrypoint,
        environment={**service.environment, **dict(map(_variable, request.environment))},
        labels={**service.labels, **{key: value or "" for key, value in map(_variable, request.labels)}},
        volumes=(*service.volumes, *map(_mount, request.volumes)),
        ports=ports,
        user=request.user or service.user,
        working_dir=request.workdir or service.working_dir,
        tty=with_terminal and not request.detach,
        stdin_open=request.interactive and not request.detach,
        restart="no",
        container_name="",
        deploy=replace(service.deploy, restart_policy=None) if service.deploy else None,
    )


def _creation(create: CreateContainer, pull_because: str) -> Plan:
    steps = [Step(1, PullImage(create.image, pull_because, create.service.platform))] if pull_because else []
    return Plan((*steps, Step(2, create, (1,) if steps else ())))


async def _joined(engine: EngineClient, name: str, service: Service) -> int:
    """Attach, start, copy until the end; Ctrl-C goes to the container."""

    async def resize(height: int, width: int) -> None:
        await engine.resize_container(name, height, width)

    async def pass_on_signals() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for number in received:
                with refusals("passing on a signal", fine=(404, 409)):
                    await engine.kill_container(name, signal.Signals(number).name)

    with refusals(f"running container {name}"), unwrapped():
        async with anyio.create_task_group() as tasks:
            async with await engine.attach_container(name, tty=service.tty, stdin=service.stdin_open) as stream:
                await engine.start_container(name)
                tasks.start_soon(pass_on_signals, name="signals")
                await join(stream, is_tty=service.tty, stdin=service.stdin_open, resize=resize)
            code = await engine.wait_container(name)
            tasks.cancel_scope.cancel()
    return code


def _variable(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


def _mount(text: str) -> Mount:
    """`source:target[:ro]`; only paths of the host and names of volumes that exist."""
    source, _, rest = text.partition(":")
    target, _, access = rest.partition(":")
    if not target:
        return Mount("volume", source)
    kind = "bind" if source.startswith("/") else "volume"
    if source.startswith((".", "~")):
        raise UsageError(f"`{text}` has a relative path", hint="write the host's path from / on")
    return Mount(kind, target, source, read_only=access == "ro")


def _port(text: str) -> Port:
    """`[[address:]published:]target[/protocol]`."""
    ports, _, protocol = text.partition("/")
    rest, _, target = ports.rpartition(":")
    address, _, published = rest.rpartition(":")
    if not target.isdecimal():
        raise UsageError(f"`{text}` is no port to publish", hint="write PUBLISHED:TARGET, as in 8080:80")
    return Port(int(target), published, address.strip("[]"), protocol or "tcp")
