"""`scale`: bring services to a number of containers."""

from __future__ import annotations

import click

from compose.cli.commands.up import up
from compose.cli.session import Session
from compose.cli.up.options import UpRequest, parse_scale


@click.command("scale", help="Bring services to a number of containers")
@click.argument("wanted", nargs=-1, required=True, metavar="SERVICE=NUM...")
@click.option("--no-deps", is_flag=True, help="Leave out the services that these depend on")
@click.pass_obj
def command(session: Session, wanted: tuple[str, ...], no_deps: bool) -> int:
    """Start what is missing and remove what is too much."""
    scale = parse_scale(wanted)
    return up(session, UpRequest(services=tuple(scale), scale=scale, detach=True, no_deps=no_deps))
