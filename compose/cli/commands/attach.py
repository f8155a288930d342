"""`attach`: our terminal joined to a running container."""

from __future__ import annotations

import sys

import click

from compose.cli.parsing.arguments import service_argument
from compose.cli.session import Session


@click.command("attach", help="Join the terminal to a running container; ctrl-p ctrl-q leaves it")
@service_argument()
@click.option("--detach-keys", default="", metavar="KEYS", help="Keys that leave the container, as in ctrl-a,d")
@click.option("--index", type=int, default=0, help="Which container of the service")
@click.option("--no-stdin", is_flag=True, help="Only listen")
@click.option("--sig-proxy/--no-sig-proxy", default=True, help="Pass signals on to the container")
@click.pass_obj
def command(session: Session, service: str, detach_keys: str, index: int, no_stdin: bool, sig_proxy: bool) -> int:
    """Take part until the container ends, and end with its exit code."""
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located, one_of
    from compose.cli.running.attached import Attachment, run_attached
    from compose.errors import UsageError

    async def work() -> int:
        async with located(session, (service,), everything=False, one_off=True) as place:
            found = one_of(place, service, index)
            with refusals(f"looking at container {found.name}"):
                config = (await place.engine.inspect_container(found.id)).config
            takes_input = config.open_stdin and not no_stdin
            if config.tty and takes_input and not sys.stdin.isatty():
                raise UsageError(
                    "the container has a terminal, and standard input is not one", hint="give --no-stdin to listen only"
                )
            wish = Attachment(found.id, config.tty, takes_input, passes_signals=sig_proxy, detach_keys=detach_keys)
            code = await run_attached(place.engine, wish)
            return 0 if code is None else code

    return run_async(work)
