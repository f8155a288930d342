"""`stats`: what the containers of a project use."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from compose.cli.parsing.arguments import service_argument
from compose.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from compose.apply.looking.usage import Wanted
    from compose.cli.reaching.located import Located
    from compose.plan.observed import ObservedContainer
    from compose.plan.usage import Usage

# More often nobody can read it, and each container tells once a second.
_REDRAW_SECONDS = 0.5
_CLEAR = "\x1b[2J"
_HOME, _END_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"


@click.command("stats", help="Print what containers use, again and again")
@service_argument(required=False, default="")
@click.option("-a", "--all", "everything", is_flag=True, help="Also containers that do not run")
@click.option("--format", "style", default="", help="table, json, a Go template or `table` and a template")
@click.option("--no-stream", is_flag=True, help="Only once")
@click.option("--no-trunc", is_flag=True, help="Do not shorten ids")
@click.pass_obj
def command(session: Session, service: str, everything: bool, style: str, no_stream: bool, no_trunc: bool) -> None:
    """Print a line for each container."""
    from compose.apply.looking.usage import usage_now
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located
    from compose.render.listings.formats import listing
    from compose.render.listings.usage import COLUMNS, usage_record

    def text(usages: list[Usage]) -> str:
        return listing(style, [usage_record(usage, truncate=not no_trunc) for usage in usages], COLUMNS)

    def is_wanted(item: ObservedContainer) -> bool:
        return not service or item.service == service

    async def work() -> None:
        services = (service,) if service else ()
        async with located(session, services, everything=everything, one_off=True, only_looks=no_stream) as place:
            if no_stream:
                sys.stdout.write(text(await usage_now(place.engine, list(place.containers))))
            else:
                await _stream(place, is_wanted, text, everything=everything)

    run_async(work)


async def _stream(place: Located, is_wanted: Wanted, text: Callable[[list[Usage]], str], *, everything: bool) -> None:
    """Draw what is known whenever it has changed, in place on a terminal."""
    import anyio

    from compose.apply.looking.usage import UsageFollower
    from compose.apply.parallel import unwrapped

    follower = UsageFollower(place.engine, place.project.name, is_wanted, everything=everything)
    is_terminal = sys.stdout.isatty()
    sys.stdout.write(_CLEAR if is_terminal else "")
    with unwrapped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follower.run, name="stats")
            while True:
                await follower.changed()
                drawn = text(follower.usages)
                sys.stdout.write(_in_place(drawn) if is_terminal else drawn)
                sys.stdout.flush()
                await anyio.sleep(_REDRAW_SECONDS)


def _in_place(text: str) -> str:
    return _HOME + text.replace("\n", f"{_END_OF_LINE}\n") + _REST
