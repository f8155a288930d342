"""`port`: print where a port is published."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from compose.cli.parsing.arguments import format_option, service_argument
from compose.cli.session import Session

if TYPE_CHECKING:
    from compose.plan.observed import ObservedPort


@click.command("port", help="Print where a port is published")
@service_argument()
@click.argument("private", metavar="PRIVATE_PORT")
@click.option("--protocol", type=click.Choice(["tcp", "udp"]), default="tcp", help="tcp or udp")
@click.option("--index", type=int, default=0, help="Which container of the service")
@format_option("text", "json")
@click.pass_obj
def command(session: Session, service: str, private: str, protocol: str, index: int, style: str) -> None:
    """Print `address:port`."""
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located, one_of
    from compose.errors import ComposeError, UsageError
    from compose.plan.observed import ObservedContainer
    from compose.render.listings.ports import publisher

    number, _, suffix = private.partition("/")
    protocol = suffix or protocol
    if not number.isdecimal():
        raise UsageError(f"`{private}` is not a port", hint="give the container's port, as in 80 or 53/udp")

    async def work() -> ObservedContainer:
        async with located(session, (service,), everything=False) as place:
            return one_of(place, service, index)

    found = run_async(work)
    for port in found.ports:
        if (port.private, port.protocol) == (int(number), protocol) and port.public:
            click.echo(json.dumps(publisher(port)) if style == "json" else _address(port))
            return
    raise ComposeError(f"no port {number}/{protocol} for container {found.name}: it is not published")


def _address(port: ObservedPort) -> str:
    host = f"[{port.ip}]" if ":" in port.ip else port.ip
    return f"{host}:{port.public}"
