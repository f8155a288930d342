"""`publish`: put the project's Compose files into a registry."""

from __future__ import annotations

from typing import Any

import click

from compose.cli.session import Session

_CANCELLED = 130


@click.command("publish", help="Publish the application: its Compose files, as an artifact of a registry")
@click.argument("repository", metavar="REPOSITORY[:TAG]")
@click.option("--app", "with_images", is_flag=True, help="Publish the images that it uses as well")
@click.option(
    "--oci-version",
    "version",
    type=click.Choice(["1.0", "1.1"]),
    default=None,
    help="Version of the image-spec (1.1, or 1.0 where the registry knows no other)",
)
@click.option("--resolve-image-digests", "pinned", is_flag=True, help="Pin the images to their digests")
@click.option("--with-env", is_flag=True, help="Publish environment variables and env files as well")
@click.option("-y", "--yes", is_flag=True, help="Answer yes to every question")
@click.option("--insecure-registry", "insecure", is_flag=True, hidden=True)
@click.pass_obj
def command(session: Session, /, **options: Any) -> int:  # fmt: skip
    """Ask what has to be asked, push the images that the project builds, then publish."""
    from msgspec.structs import replace

    from compose.apply.rehearsal import rehearsing
    from compose.artifact.pushing import push
    from compose.cli.asynchronous import run_async
    from compose.cli.loading import load_project
    from compose.cli.pointing import pointing
    from compose.cli.reaching.connection import connected
    from compose.cli.sharing.artifacts import registries
    from compose.cli.sharing.publishing import PublishRequest, pins, prepared
    from compose.cli.sharing.pushing import push_images
    from compose.cli.terminal import progress
    from compose.errors import ComposeError
    from compose.plan.telling.progress import Phase, Update

    request = PublishRequest(**{**options, "pinned": options["pinned"] or options["with_images"]})
    loaded = load_project(replace(session, profiles=("*",)))
    with pointing(loaded.places):
        artifact = prepared(session, loaded.project, request)
    if artifact is None:
        click.echo("not published", err=True)
        return _CANCELLED
    insecure = [artifact.reference.registry] if request.insecure else []

    async def work() -> None:
        async with progress(session, "publish") as shown:
            report = rehearsing(shown.update) if session.dry_run else shown.update
            complete = artifact
            if request.pinned or any(service.build for service in loaded.project.services.values()):
                async with connected(session) as engine:
                    await push_images(engine, loaded.project.services.values(), report, keep_going=True)
                    if request.pinned and not session.dry_run:
                        complete = replace(artifact, layers=(*artifact.layers, await pins(engine, loaded.project)))
            report(Update(request.repository, "publishing", Phase.WORKING))
            try:
                if not session.dry_run:
                    await push(complete, registries(session, insecure))
            except ComposeError:
                report(Update(request.repository, "Error", Phase.FAILED))
                raise
            report(Update(request.repository, "published"))

    with pointing(loaded.places):
        run_async(work)
    return 0
