"""`export`: the files of a service's container as a tar archive."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from compose.cli.parsing.arguments import service_argument
from compose.cli.session import Session
from compose.errors import UsageError


@click.command("export", help="Write the files of a service's container as a tar archive")
@service_argument()
@click.option("-o", "--output", default="", metavar="FILE", help="Write here instead of to standard output")
@click.option("--index", type=int, default=0, help="Which container of the service")
@click.pass_obj
def command(session: Session, service: str, output: str, index: int) -> None:
    """Write the archive; a file appears under its name only when it is whole."""
    from compose.apply.export import export
    from compose.apply.rehearsal import rehearse_change
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located, one_of
    from compose.cli.terminal import progress, write_output
    from compose.plan.telling.progress import Phase, Update

    if not output and sys.stdout.isatty():
        raise UsageError(
            "an archive would not be readable on a terminal", hint="give a file with -o, or redirect the output"
        )

    async def work() -> None:
        async with located(session, (service,), one_off=True) as place, progress(session, "export") as shown:
            found = one_of(place, service, index)
            task = f"export {found.name} to {output or '-'}"
            if place.engine.only_reads:
                rehearse_change(found.name, "Exporting", "Exported", shown.update, task=task)
                return
            shown.update(Update(found.name, "Exporting", Phase.WORKING, task=task))
            await export(place.engine, found.id, Path(output) if output else write_output)
            shown.update(Update(found.name, "Exported", task=task))

    run_async(work)
