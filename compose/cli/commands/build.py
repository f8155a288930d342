"""`build`: build the images of services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from compose.cli.loading import load_project
from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session, check_services

if TYPE_CHECKING:
    from compose.model.project import Project
    from compose.plan.actions import BuildImage
    from compose.plan.deciding.building import BuildOptions

_DONE_WITHOUT = ("provenance", "sbom")


@click.command("build", help="Build the images of services")
@services_argument()
@click.option("--build-arg", "args", multiple=True, metavar="NAME=VALUE", help="Set a build argument, repeatable")
@click.option("--no-cache", is_flag=True, help="Run every step again")
@click.option("--pull", is_flag=True, help="Look for newer base images")
@click.option("--push", is_flag=True, help="Push the images when they are built")
@click.option("-q", "--quiet", is_flag=True, help="Without progress")
@click.option(
    "--progress",
    "kind",
    type=click.Choice(["auto", "tty", "plain", "json", "quiet", "rawjson"]),
    default=None,
    help="How to show progress",
)
@click.option("--check", is_flag=True, help="Only tell what is questionable about the Dockerfiles")
@click.option("--print", "prints", is_flag=True, help="Only print the builds as a file for docker buildx bake")
@click.option("--with-dependencies", is_flag=True, help="Also those of the services that these depend on")
@click.option("-m", "--memory", default="", metavar="SIZE", help="Memory limit of each step, as in 512m")
@click.option("--ssh", multiple=True, metavar="default|ID[=SOCKET|KEY]", help="Let steps use an ssh agent, repeatable")
@click.option("--provenance", default="", metavar="WISH", help="Accepted: images get no attestations")
@click.option("--sbom", default="", metavar="WISH", help="Accepted: images get no attestations")
@click.option("--builder", default="", metavar="NAME", help="Accepted: the engine has one builder")
@click.option("--compress", is_flag=True, hidden=True)
@click.option("--force-rm", is_flag=True, hidden=True)
@click.option("--no-rm", is_flag=True, hidden=True)
@click.option("--parallel", is_flag=True, hidden=True)
@click.pass_obj
def command(session: Session, /, **options: Any) -> int:
    """Build them, those that do not need each other at the same time."""
    from compose.cli.asynchronous import run_async
    from compose.cli.pointing import pointing
    from compose.graph.graph import select_services

    services: tuple[str, ...] = options["services"]
    loaded = load_project(session, select=services)
    check_services(loaded.project, services)
    chosen = loaded.project
    if services:
        chosen = select_services(chosen, services, with_dependencies=options["with_dependencies"])
    if options["kind"]:
        session = replace(session, progress=options["kind"].removeprefix("raw"))
    _tell_what_is_not_done(session, options)
    wanted = _wishes(session, options)
    with pointing(loaded.places):
        if options["prints"]:
            return _print(loaded.project, wanted, chosen)
        if options["check"]:
            return run_async(lambda: _check(session, loaded.project, wanted, chosen))
        run_async(lambda: _build(session, loaded.project, wanted, chosen, options))
    return 0


def given_args(texts: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, str]:
    """`NAME=VALUE` or `NAME`, which takes its value from the environment and is left out if there is none."""
    found: dict[str, str] = {}
    for text in texts:
        name, has_value, value = text.partition("=")
        if has_value:
            found[name] = value
        elif name in environment:
            found[name] = environment[name]
    return found


def _tell_what_is_not_done(session: Session, options: Mapping[str, Any]) -> None:
    from compose.cli.terminal import warn

    for name in _DONE_WITHOUT:
        if options[name] not in ("", "false"):
            warn(session, f"--{name}: images have no attestations yet, this one is built without")
    if options["builder"] not in ("", "default"):
        warn(session, f"--builder {options['builder']}: the engine has one builder, which is used")


def _wishes(session: Session, options: Mapping[str, Any]) -> BuildOptions:
    from compose.model.units import parse_bytes
    from compose.plan.deciding.building import BuildOptions

    return BuildOptions(
        always=True,
        no_cache=options["no_cache"],
        pull=options["pull"],
        args=given_args(options["args"], session.environment),
        memory=parse_bytes(options["memory"]) if options["memory"] else 0,
        ssh=options["ssh"],
    )


def _planned(project: Project, wanted: BuildOptions, chosen: Project) -> list[BuildImage]:
    """The builds if nothing were there yet, for what builds nothing."""
    from compose.plan.actions import BuildImage
    from compose.plan.deciding.building import plan_builds
    from compose.plan.observed import Observed

    steps = plan_builds(project, Observed(), wanted, chosen.services.keys()).steps
    return [step.action for step in steps if isinstance(step.action, BuildImage)]


def _print(project: Project, wanted: BuildOptions, chosen: Project) -> int:
    import json

    from compose.cli.terminal import write_output
    from compose.plan.bake import bake_file

    found = bake_file(project, _planned(project, wanted, chosen), chosen.services)
    write_output(json.dumps(found, indent=2).encode() + b"\n")
    return 0


async def _check(session: Session, project: Project, wanted: BuildOptions, chosen: Project) -> int:
    from compose.apply.building.images import check
    from compose.cli.reaching.connection import connected
    from compose.cli.terminal import write_output

    count = 0
    async with connected(session) as engine:
        for action in _planned(project, wanted, chosen):
            found = await check(engine, project, action)
            count += len(found)
            lines = found or ["nothing to say"]
            write_output("".join(f"{action.service.name}: {line}\n" for line in lines).encode())
    return 1 if count else 0


async def _build(
    session: Session, project: Project, wanted: BuildOptions, chosen: Project, options: Mapping[str, Any]
) -> None:
    from compose.apply.looking.observe import observe
    from compose.apply.stage import Stage
    from compose.cli.carrying_out import perform
    from compose.cli.reaching.connection import connected
    from compose.cli.sharing.pushing import push_images
    from compose.cli.terminal import progress
    from compose.plan.actions import BuildImage
    from compose.plan.deciding.building import plan_builds
    from compose.plan.telling.progress import Phase, Update
    from compose.render.progress import Quiet

    async with connected(session) as engine, progress(session, "build") as shown:
        report = Quiet().update if options["quiet"] else shown.update
        observed = await observe(engine, project.name)
        plan = plan_builds(project, observed, wanted, chosen.services.keys())
        if not plan:
            shown.update(Update("No services to build", "", Phase.WARNING))
        await perform(plan, Stage(engine, project, observed), report)
        if options["push"]:
            built = [step.action.service for step in plan.steps if isinstance(step.action, BuildImage)]
            await push_images(engine, [service for service in built if service.image], report)
