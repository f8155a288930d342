"""`volumes`: list the project's volumes."""

from __future__ import annotations

import sys

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session


@click.command("volumes", help="List the project's volumes")
@services_argument()
@click.option("--format", "style", default="", help="table, json, a Go template or `table` and a template")
@click.option("-q", "--quiet", is_flag=True, help="Only names")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], style: str, quiet: bool) -> None:
    """Print the volumes of the project, or those that the containers of some services use."""
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located
    from compose.plan import labels
    from compose.render.listings.formats import listing
    from compose.render.listings.volumes import COLUMNS, volume_record
    from engine.wire.volumes import Volume

    async def work() -> list[Volume]:
        async with located(session, services) as place:
            with refusals("listing the volumes"):
                found = await place.engine.list_volumes(filters={"label": [f"{labels.PROJECT}={place.project.name}"]})
            used = {mount.name for item in place.containers for mount in item.mounts}
            return [volume for volume in found if not services or volume.name in used]

    found = sorted(run_async(work), key=lambda volume: volume.name)
    if quiet:
        sys.stdout.write("".join(f"{volume.name}\n" for volume in found))
    else:
        sys.stdout.write(listing(style, map(volume_record, found), COLUMNS))
