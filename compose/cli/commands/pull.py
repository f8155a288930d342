"""`pull`: fetch the images of services."""

from __future__ import annotations

from typing import Any

import click

from compose.cli.loading import load_project
from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session, check_services


@click.command("pull", help="Fetch the images of services")
@services_argument()
@click.option("-q", "--quiet", is_flag=True, help="Without progress")
@click.option("--include-deps", is_flag=True, help="Also of the services that these depend on")
@click.option("--ignore-pull-failures", is_flag=True, help="Go on when an image cannot be pulled")
@click.option("--ignore-buildable", is_flag=True, help="Not those that can be built")
@click.option("--policy", type=click.Choice(["missing", "always"]), help="When to pull, whatever the services say")
@click.option("--parallel", is_flag=True, hidden=True)
@click.option("--no-parallel", is_flag=True, hidden=True)
@click.pass_obj
def command(session: Session, /, **options: Any) -> None:
    """Pull the images, all at once."""
    from compose.apply.looking.observe import observe
    from compose.apply.stage import Stage
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import perform
    from compose.cli.pointing import pointing
    from compose.cli.reaching.connection import connected
    from compose.cli.terminal import progress, warn
    from compose.errors import ComposeError
    from compose.graph.graph import select_services
    from compose.plan.deciding.pulling import plan_asked_pulls
    from compose.plan.telling.progress import Update
    from compose.render.progress import Quiet

    for flag in ("parallel", "no_parallel"):
        if options[flag]:
            warn(session, f"--{flag.replace('_', '-')} is deprecated, and has no effect")
    services: tuple[str, ...] = options["services"]
    loaded = load_project(session, resolve_environment=False)
    project = loaded.project
    check_services(project, services)
    project = select_services(project, services, with_dependencies=options["include_deps"])

    async def work() -> None:
        async with connected(session) as engine, progress(session, "pull") as shown:
            observed = await observe(engine, project.name)
            pulls = plan_asked_pulls(
                project, observed, policy=options["policy"] or "", ignores_buildable=options["ignore_buildable"]
            )
            report = Quiet().update if options["quiet"] else shown.update
            for skip in pulls.skipped:
                report(Update(skip.resource, "Skipped", detail=skip.because))
            try:
                stage = Stage(engine, project, observed)
                # What can be built may well be in no registry: the others are pulled nevertheless.
                may_fail = options["ignore_pull_failures"] or any(item.build for item in project.services.values())
                await perform(pulls.plan, stage, report, keep_going=may_fail)
            except (ComposeError, ExceptionGroup):
                if not options["ignore_pull_failures"]:
                    raise

    with pointing(loaded.places):
        run_async(work)
