"""`volume ls|create|rm`."""

from __future__ import annotations

import click

from compose.cli.engine.asking import (
    ask,
    each,
    filter_option,
    format_option,
    parsed_filters,
    quiet_option,
    show,
    show_lines,
)
from compose.cli.parsing.completing import volume_names
from compose.cli.session import Session
from compose.render.listings.volumes import COLUMNS, volume_record
from engine.wire.volumes import VolumeCreateRequest


@click.group("volume", help="List, make and remove volumes")
def volume_command() -> None:
    """Volumes without a project."""


@volume_command.command("ls", help="List volumes")
@filter_option
@quiet_option
@format_option
@click.pass_obj
def listed(session: Session, filters: tuple[str, ...], quiet: bool, form: str) -> None:
    """Print a line per volume."""
    wanted = parsed_filters(filters)
    found = ask(session, "listing volumes", lambda engine: engine.list_volumes(filters=wanted))
    found.sort(key=lambda volume: volume.name)
    if quiet:
        show_lines(volume.name for volume in found)
        return
    show(form, list(map(volume_record, found)), COLUMNS)


@volume_command.command("create", help="Make a volume")
@click.argument("name", default="")
@click.pass_obj
def create(session: Session, name: str) -> None:
    """Make it and print its name."""
    request = VolumeCreateRequest(name=name)
    show_lines([ask(session, "making the volume", lambda engine: engine.create_volume(request)).name])


@volume_command.command("rm", help="Remove volumes")
@click.argument("volumes", nargs=-1, required=True, shell_complete=volume_names)
@click.option("-f", "--force", is_flag=True, help="Not there is fine")
@click.pass_obj
def remove(session: Session, volumes: tuple[str, ...], force: bool) -> None:
    """Remove one after another."""
    ask(
        session,
        "removing volumes",
        lambda engine: each(volumes, lambda name: engine.remove_volume(name, force=force), "removing volume"),
    )
