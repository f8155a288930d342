"""`build`: build the images of services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from compose.cli.loading import load_project
from compose.cli.session import Session, check_services


@click.command("build", help="Build the images of services")
@click.argument("services", nargs=-1, metavar="[SERVICE...]")
@click.option("--build-arg", "args", multiple=True, metavar="NAME=VALUE", help="Set a build argument, repeatable")
@click.option("--no-cache", is_flag=True, help="Run every step again")
@click.option("--pull", is_flag=True, help="Look for newer base images")
@click.option("--push", is_flag=True, help="Push the images when they are built")
@click.option("-q", "--quiet", is_flag=True, help="Without progress")
@click.option("--with-dependencies", is_flag=True, help="Also those of the services that these depend on")
@click.option("-m", "--memory", default="", metavar="SIZE", help="Memory limit of each step, as in 512m")
@click.option("--ssh", multiple=True, metavar="default|ID[=SOCKET]", help="Let steps use an ssh agent, repeatable")
@click.option("--builder", default="", hidden=True)
@click.option("--compress", is_flag=True, hidden=True)
@click.option("--force-rm", is_flag=True, hidden=True)
@click.option("--no-rm", is_flag=True, hidden=True)
@click.option("--parallel", is_flag=True, hidden=True)
@click.pass_obj
def command(session: Session, /, **options: Any) -> None:
    """Build them, those that do not need each other at the same time."""
    from functools import partial

    from compose.apply.observe import observe
    from compose.apply.parallel import all_of
    from compose.apply.pulling import push
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.connection import connected
    from compose.cli.pointing import pointing
    from compose.cli.terminal import progress
    from compose.cli.working import Stage, perform
    from compose.graph.graph import select_services
    from compose.model.units import parse_bytes
    from compose.plan.actions import BuildImage
    from compose.plan.building import BuildOptions, plan_builds
    from compose.plan.progress import Phase, Update
    from compose.render.progress import Quiet

    services: tuple[str, ...] = options["services"]
    loaded = load_project(session, select=services)
    check_services(loaded.project, services)
    project = loaded.project
    if services:
        project = select_services(project, services, with_dependencies=options["with_dependencies"])
    wanted = BuildOptions(
        always=True,
        no_cache=options["no_cache"],
        pull=options["pull"],
        args=given_args(options["args"], session.environment),
        memory=parse_bytes(options["memory"]) if options["memory"] else 0,
        ssh=options["ssh"],
    )

    async def work() -> None:
        async with connected(session) as engine, progress(session, "build") as shown:
            report = Quiet().update if options["quiet"] else shown.update
            observed = await observe(engine, project.name)
            plan = plan_builds(loaded.project, observed, wanted, project.services.keys())
            if not plan:
                shown.update(Update("No services to build", "", Phase.WARNING))
            await perform(plan, Stage(engine, loaded.project, observed), report)
            if options["push"]:
                built = [step.action for step in plan.steps if isinstance(step.action, BuildImage)]
                images = [action.image for action in built if action.service.image]
                with refusals("pushing"):
                    await all_of([partial(push, engine, image, report) for image in images])

    with pointing(loaded.places):
        run_async(work)


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
