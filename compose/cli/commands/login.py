"""`login`: show a registry one's name and password, and keep them for pulls and pushes."""

from __future__ import annotations

import sys

import click

from compose.cli.session import Session
from compose.errors import UsageError


@click.command("login", help="Log in to a registry, by default Docker Hub")
@click.argument("server", required=False, default="")
@click.option("-u", "--username", default="", help="User name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input")
@click.pass_obj
def command(session: Session, server: str, username: str, password_stdin: bool) -> None:
    """Have the engine try the credentials, then keep them where Docker's command line does.

    There is no option for the password itself: every user of the machine can read the arguments of programs.
    """
    import msgspec

    from compose.apply.credentials import key_of
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import connected, credential_store
    from engine.wire.images import AuthConfig

    if password_stdin and not username:
        raise UsageError("--password-stdin needs --username")
    if not password_stdin and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for a password", hint="pass it by --password-stdin")
    username = username or click.prompt("Username", err=True)
    if password_stdin:
        password = sys.stdin.read().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, err=True)
    key = key_of(server)
    auth = AuthConfig(username=username, password=password, serveraddress=key)

    async def work() -> str:
        async with connected(session) as engine:
            with refusals(f"logging in to {key}"):
                result = await engine.log_in(auth)
        kept = msgspec.structs.replace(auth, identitytoken=result.identity_token)
        return await credential_store(session).keep(key, kept)

    where = run_async(work)
    click.echo(f"Login Succeeded, kept in {where}")
