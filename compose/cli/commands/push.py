"""`push`: bring the images that services build to their registries."""

from __future__ import annotations

from typing import Any

import click

from compose.cli.loading import load_project
from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session, check_services


@click.command("push", help="Bring the images that services build to their registries")
@services_argument()
@click.option("-q", "--quiet", is_flag=True, help="Without progress")
@click.option("--include-deps", is_flag=True, help="Also of the services that these depend on")
@click.option("--ignore-push-failures", is_flag=True, help="Go on when an image cannot be pushed")
@click.pass_obj
def command(session: Session, /, **options: Any) -> None:
    """Push the images, all at once. What has no `build` came from a registry, so there is nothing to bring back."""
    from compose.cli.asynchronous import run_async
    from compose.cli.pointing import pointing
    from compose.cli.reaching.connection import connected
    from compose.cli.sharing.pushing import push_images
    from compose.cli.terminal import progress
    from compose.graph.graph import select_services
    from compose.render.progress import Quiet

    names: tuple[str, ...] = options["services"]
    loaded = load_project(session)
    check_services(loaded.project, names)
    project = select_services(loaded.project, names, with_dependencies=options["include_deps"])

    async def work() -> None:
        async with connected(session) as engine, progress(session, "push") as shown:
            report = Quiet().update if options["quiet"] else shown.update
            services = project.services.values()
            await push_images(engine, services, report, keep_going=options["ignore_push_failures"])

    with pointing(loaded.places):
        run_async(work)
