"""`unpause`."""

from __future__ import annotations

import click

from compose.cli.session import Session


@click.command("unpause", help="Let frozen services go on")
@click.argument("services", nargs=-1, metavar="[SERVICE...]")
@click.pass_obj
def command(session: Session, services: tuple[str, ...]) -> None:
    """Let frozen services go on."""
    from compose.cli.asynchronous import run_async
    from compose.cli.freezing import freeze

    run_async(lambda: freeze(session, services, is_thawing=True))
