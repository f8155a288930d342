"""`logs`: print what containers wrote, and go on with what they write."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from compose.cli.loading import load_if_there
from compose.cli.parsing.arguments import services_argument
from compose.cli.parsing.moment import moment
from compose.cli.session import Session, check_services
from compose.errors import ComposeError, UsageError

if TYPE_CHECKING:
    from compose.apply.follow import LogOptions
    from compose.plan.observed import ObservedContainer


@click.command("logs", help="Print the output of containers")
@services_argument()
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines")
@click.option("-n", "--tail", default="all", help="Lines from the end of each log")
@click.option("-t", "--timestamps", is_flag=True, help="Show the time of every line")
@click.option("--since", default="", help="From this time on (2024-05-01T12:00:00Z, or 42m for 42 minutes ago)")
@click.option("--until", default="", help="Up to this time")
@click.option("--index", type=int, default=0, help="Only this container of a service")
@click.option("--no-color", is_flag=True, help="Without colours")
@click.option("--no-log-prefix", is_flag=True, help="Without names before the lines")
@click.pass_obj
def command(session: Session, /, **options: Any) -> None:
    """Print logs."""
    from compose.apply.follow import LogOptions

    services: tuple[str, ...] = options["services"]
    tail: str = options["tail"]
    if tail != "all" and not tail.lstrip("-").isdecimal():
        raise UsageError(f"`{tail}` is not a number of lines", hint="use a number, or all")
    now = time.time()
    wanted = LogOptions(
        tail="all" if tail.startswith("-") else tail,
        since=moment(options["since"], now),
        until=moment(options["until"], now),
        timestamps=options["timestamps"],
    )
    if options["index"] and len(services) != 1:
        raise UsageError("--index is for one service", hint="name the service")
    project = None if session.given_name and not services else load_if_there(session)
    check_services(project, services)
    name = project.name if project else session.given_name
    _print(session, name, _Selection(services, options["index"]), wanted, options)


def _print(session: Session, name: str, selection: _Selection, wanted: LogOptions, options: Mapping[str, Any]) -> None:
    from compose.apply.follow import Follower, print_logs, short_name
    from compose.apply.looking.observe import observe_containers
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import connected
    from compose.cli.terminal import output_colour, write_output
    from compose.plan.telling.progress import Ended, Output
    from compose.render.logs import LogFormat

    colour = output_colour(session) and not options["no_color"]

    async def work() -> None:
        async with connected(session) as engine:
            found = selection.of(await observe_containers(engine, name))
            names = [short_name(name, item.name) for item in found]
            style = LogFormat(names, colour=colour, prefix=not options["no_log_prefix"])

            def emit(item: Output | Ended) -> None:
                write_output(style.output(item) if isinstance(item, Output) else style.ended(item))

            if not options["follow"]:
                await print_logs(engine, name, found, wanted, emit)
                return
            follower = Follower(engine, name, emit=emit, wanted=selection.has_service, options=wanted)
            await follower.until_over(found)

    run_async(work)


class _Selection(Struct, frozen=True):
    """Whose logs are printed: those of services, or of all without any, and of one container with an index."""

    services: tuple[str, ...]
    index: int

    def of(self, containers: Iterable[ObservedContainer]) -> list[ObservedContainer]:
        found = [
            item
            for item in containers
            if self.has_service(item.service) and not item.is_one_off and (not self.index or item.number == self.index)
        ]
        if self.index and not found:
            raise ComposeError(f"service `{self.services[0]}` has no container with number {self.index}")
        return found

    def has_service(self, service: str) -> bool:
        return not self.services or service in self.services
