"""`unpause`."""

from __future__ import annotations

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session


@click.command("unpause", help="Let frozen services go on")
@services_argument()
@click.pass_obj
def command(session: Session, services: tuple[str, ...]) -> None:
    """Let frozen services go on."""
    from compose.cli.asynchronous import run_async
    from compose.cli.freezing import freeze

    run_async(lambda: freeze(session, services, is_thawing=True))
