"""`exec`: run a command in a running container, with our terminal as its own."""

from __future__ import annotations

import sys
from typing import Any

import click

from compose.cli.parsing.arguments import service_argument
from compose.cli.session import Session


@click.command("exec", help="Run a command in a running container", context_settings={"allow_interspersed_args": False})
@service_argument()
@click.argument("words", nargs=-1, required=True, metavar="COMMAND [ARG...]", type=click.UNPROCESSED)
@click.option("-T", "--no-tty", "no_tty", is_flag=True, default=None, help="Without a terminal")
@click.option("-t", "--tty", "with_tty", is_flag=True, hidden=True)
@click.option("-i", "--interactive/--no-interactive", "interactive", default=True, hidden=True)
@click.option("-d", "--detach", is_flag=True, help="Do not wait for it")
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set a variable")
@click.option("-u", "--user", default="", help="Run as this user")
@click.option("-w", "--workdir", default="", help="Run in this directory")
@click.option("--index", type=int, default=0, help="Which container of the service")
@click.option("--privileged", is_flag=True, help="With all privileges")
@click.pass_obj
def command(session: Session, /, **options: Any) -> int:
    """Run the command and end with its exit code."""
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located, one_of
    from compose.cli.running.stdio import run_exec
    from engine.wire.containers import ExecCreateRequest

    service: str = options["service"]
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    tty = is_terminal and not options["no_tty"] and not options["detach"]
    request = ExecCreateRequest(
        attach_stdin=options["interactive"] and not options["detach"],
        attach_stdout=not options["detach"],
        attach_stderr=not options["detach"],
        tty=tty,
        env=[_variable(session, text) for text in options["environment"]],
        cmd=list(options["words"]),
        privileged=options["privileged"],
        user=options["user"],
        working_dir=options["workdir"],
    )

    async def work() -> int:
        async with located(session, (service,), everything=False) as place:
            found = one_of(place, service, options["index"])
            return await run_exec(place.engine, found.id, request, detach=options["detach"])

    return run_async(work)


def _variable(session: Session, text: str) -> str:
    """`NAME` alone takes the value it has here."""
    return text if "=" in text else f"{text}={session.environment.get(text, '')}"
