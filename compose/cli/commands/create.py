"""`create`: make a project's containers without starting them."""

from __future__ import annotations

from typing import Any

import click
from msgspec.structs import replace

from compose.cli.commands.up import create_options, requested, up
from compose.cli.session import Session


@click.command("create", help="Create a project's containers without starting them")
@create_options
@click.pass_obj
def command(session: Session, /, **options: Any) -> int:
    """Make the containers."""
    return up(session, replace(requested(options), no_start=True, detach=True))
