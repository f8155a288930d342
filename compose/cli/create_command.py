"""`create`: make a project's containers without starting them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from compose.cli.session import Session
from compose.cli.up_command import create_options, requested, up


@click.command("create", help="Create a project's containers without starting them")
@create_options
@click.pass_obj
def command(session: Session, /, **options: Any) -> int:
    """Make the containers."""
    return up(session, replace(requested(options), no_start=True, detach=True))
