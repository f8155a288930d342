"""`top`: print the running processes."""

from __future__ import annotations

import sys

import click

from compose.cli.arguments import services_argument
from compose.cli.session import Session


@click.command("top", help="Print the running processes")
@services_argument()
@click.pass_obj
def command(session: Session, services: tuple[str, ...]) -> None:
    """Print a table for all containers."""
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.located import located
    from compose.render.tables import table

    async def work() -> tuple[list[str], list[list[str]]]:
        titles: list[str] = []
        rows: list[list[str]] = []
        async with located(session, services, everything=False) as place:
            for item in place.running():
                with refusals(f"looking into container {item.name}"):
                    found = await place.engine.top_container(item.id)
                titles = found.titles
                rows += [[item.service, str(item.number), *process] for process in found.processes]
        return titles, rows

    titles, rows = run_async(work)
    if rows:
        sys.stdout.write(table(["SERVICE", "#", *titles], rows))
