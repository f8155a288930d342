"""`logout`: forget the credentials of a registry."""

from __future__ import annotations

import click

from compose.cli.session import Session


@click.command("logout", help="Forget the credentials of a registry, by default Docker Hub's")
@click.argument("server", required=False, default="")
@click.pass_obj
def command(session: Session, server: str) -> None:
    """Take them out of Docker's config.json, and out of the helper that it names."""
    from functools import partial

    from compose.apply.credentials import key_of
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import credential_store

    key = key_of(server)
    if run_async(partial(credential_store(session).forget, key)):
        click.echo(f"Removed the credentials of {key}")
    else:
        click.echo(f"Not logged in to {key}")
