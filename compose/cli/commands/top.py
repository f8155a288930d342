"""`top`: print the running processes."""

from __future__ import annotations

import json
import sys

import click

from compose.cli.parsing.arguments import format_option, services_argument
from compose.cli.session import Session


@click.command("top", help="Print the running processes")
@services_argument()
@format_option("table", "json")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], style: str) -> None:
    """Print a table for all containers."""
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located
    from compose.render.listings.processes import Processes, processes_table, records

    async def work() -> list[Processes]:
        lists: list[Processes] = []
        async with located(session, services, everything=False, only_looks=True) as place:
            for item in place.running():
                with refusals(f"looking into container {item.name}"):
                    found = await place.engine.top_container(item.id)
                lists.append(Processes(item.service, item.number, found.titles, found.processes))
        return lists

    found = run_async(work)
    text = json.dumps(records(found), indent=2) + "\n" if style == "json" else processes_table(found)
    sys.stdout.write(text)
