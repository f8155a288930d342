"""`pause`."""

from __future__ import annotations

import click

from compose.cli.session import Session


@click.command("pause", help="Freeze the processes of services")
@click.argument("services", nargs=-1, metavar="[SERVICE...]")
@click.pass_obj
def command(session: Session, services: tuple[str, ...]) -> None:
    """Freeze the processes of services."""
    from compose.cli.asynchronous import run_async
    from compose.cli.freezing import freeze

    run_async(lambda: freeze(session, services, is_thawing=False))
