"""`push`: bring the images that services build to their registries."""

from __future__ import annotations

from typing import Any

import click

from compose.cli.arguments import services_argument
from compose.cli.loading import load_project
from compose.cli.session import Session, check_services


@click.command("push", help="Bring the images that services build to their registries")
@services_argument()
@click.option("-q", "--quiet", is_flag=True, help="Without progress")
@click.option("--include-deps", is_flag=True, help="Also of the services that these depend on")
@click.option("--ignore-push-failures", is_flag=True, help="Go on when an image cannot be pushed")
@click.pass_obj
def command(session: Session, /, **options: Any) -> None:
    """Push the images, all at once. What has no `build` came from a registry, so there is nothing to bring back."""
    from functools import partial

    from compose.apply.parallel import all_of
    from compose.apply.pulling import push
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.connection import connected
    from compose.cli.pointing import pointing
    from compose.cli.terminal import progress
    from compose.errors import ComposeError
    from compose.graph.graph import select_services
    from compose.plan.progress import Phase, Report, Update
    from compose.render.progress import Quiet
    from engine.client import EngineClient

    services: tuple[str, ...] = options["services"]
    loaded = load_project(session)
    check_services(loaded.project, services)
    project = select_services(loaded.project, services, with_dependencies=options["include_deps"])

    async def push_one(engine: EngineClient, report: Report, service: str, image: str) -> None:
        try:
            with refusals(f"pushing {image}"):
                await push(engine, image, report)
        except ComposeError as exc:
            is_ignored = options["ignore_push_failures"]
            report(Update(f"Image {image}", "Error", Phase.WARNING if is_ignored else Phase.FAILED, exc.message))
            exc.subject = exc.subject or ("services", service, "image")
            if not is_ignored:
                raise

    async def work() -> None:
        async with connected(session) as engine, progress(session, "push") as shown:
            report = Quiet().update if options["quiet"] else shown.update
            images: dict[str, str] = {}
            for service in project.services.values():
                if not service.build or not service.image:
                    report(Update(f"Service {service.name}", "Skipped"))
                    continue
                images.update(dict.fromkeys((service.image, *service.build.tags), service.name))
            await all_of([partial(push_one, engine, report, service, image) for image, service in images.items()])

    with pointing(loaded.places):
        run_async(work)
