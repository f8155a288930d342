"""`run`: a one-off command in a new container of a service."""

from __future__ import annotations

import secrets
import sys
from typing import Any

import click
from msgspec.structs import replace

from compose.cli.loading import load_project, warn_without_effect
from compose.cli.parsing.arguments import remove_orphans_option, service_argument
from compose.cli.running.request import RunRequest
from compose.cli.session import Session
from compose.cli.up.options import PULL_POLICIES, pull_policy
from compose.errors import UsageError


@click.command(
    "run",
    help="Run a one-off command in a new container of a service",
    context_settings={"allow_interspersed_args": False},
)
@service_argument()
@click.argument("words", nargs=-1, metavar="[COMMAND] [ARG...]", type=click.UNPROCESSED)
@click.option("-d", "--detach", is_flag=True, help="Leave it running and print its name")
@click.option("--rm", "remove", is_flag=True, help="Remove it when it ends")
@click.option("--no-deps", is_flag=True, help="Do not start what the service depends on")
@click.option("-T", "--no-tty/--with-tty", "no_tty", default=None, help="Without a terminal")
@click.option("-t", "--tty/--without-tty", "force_tty", default=None, hidden=True)
@click.option("-i", "--interactive/--no-interactive", "interactive", default=True, help="With our standard input")
@click.option("--name", default="", help="Name of the container")
@click.option("--entrypoint", default=None, help="Instead of the image's")
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set a variable")
@click.option("--env-from-file", "env_files", multiple=True, metavar="FILE", help="Set the variables of a file")
@click.option("-l", "--label", "labels", multiple=True, metavar="NAME=VALUE", help="Set a label")
@click.option("-v", "--volume", "volumes", multiple=True, metavar="SOURCE:TARGET", help="Mount something")
@click.option("-p", "--publish", multiple=True, metavar="PORT", help="Publish a port")
@click.option("-P", "--service-ports", is_flag=True, help="Publish the service's ports")
@click.option("--use-aliases", is_flag=True, help="Answer to the service's names")
@click.option("--cap-add", multiple=True, metavar="CAPABILITY", help="Give it a capability")
@click.option("--cap-drop", multiple=True, metavar="CAPABILITY", help="Take a capability from it")
@click.option("-u", "--user", default="", help="Run as this user")
@click.option("-w", "--workdir", default="", help="Run in this directory")
@click.option("--pull", type=click.Choice(PULL_POLICIES), default="policy", help="When to pull the image")
@click.option("--build", "build", is_flag=True, help="Build the image first, also if it is there")
@click.option("-q", "--quiet", is_flag=True, help="Without progress")
@click.option("--quiet-build", is_flag=True, help="Build without progress")
@click.option("--quiet-pull", is_flag=True, help="Pull without progress")
@remove_orphans_option()
@click.pass_obj
def command(session: Session, /, **options: Any) -> int:
    """Run it and end with its exit code."""
    from compose.cli.asynchronous import run_async
    from compose.cli.pointing import pointing
    from compose.cli.running.one_off import run_one_off
    from compose.graph.graph import select_services

    request = _requested(session, options)
    if request.quiet:
        session = replace(session, progress="quiet")
    loaded = load_project(session, select=(request.service,), selected_only=True)
    project = loaded.project
    project = select_services(project, (request.service,), with_dependencies=not request.no_deps)
    warn_without_effect(session, loaded, project.services)
    if session.files:
        from compose.cli.up.remote_stack import confirm_remote

        confirm_remote(session, project, yes=False)
    slug = secrets.token_hex(32)
    with pointing(loaded.places):
        return run_async(lambda: run_one_off(session, project, request, slug=slug))


def _requested(session: Session, options: dict[str, Any]) -> RunRequest:
    """What the options ask for. Raises `UsageError` for what they cannot mean."""
    from compose.cli.terminal import warn
    from compose.load.arguments import mounts_of, ports_of, variables_of

    home = session.environment.get("HOME", "")
    from_files = variables_of(
        [session.cwd / name for name in options.pop("env_files")],
        session.environment,
        lambda name: warn(session, f'The "{name}" variable is not set. Defaulting to a blank string.'),
    )
    given = {name: _value(session, value, name) for name, value in map(_variable, options["environment"])}
    tty = _terminal(options.pop("no_tty"), options.pop("force_tty"))
    if options["publish"] and options["service_ports"]:
        raise UsageError("--publish and --service-ports contradict each other", hint="leave one of them out")
    if wrong := [text for text in options["labels"] if "=" not in text]:
        raise UsageError(f"`{wrong[0]}` is not a label", hint="write NAME=VALUE")
    wanted: dict[str, Any] = {
        **options,
        "pull": pull_policy(options["pull"]),
        "environment": {**from_files, **given},
        "labels": dict(text.split("=", 1) for text in options["labels"]),
        "volumes": mounts_of(options["volumes"], str(session.cwd), home),
        "publish": ports_of(options["publish"]),
        "tty": tty,
        "remove_orphans": bool(options["remove_orphans"]),
    }
    return RunRequest(**wanted)


def _terminal(without: bool | None, wished: bool | None) -> bool:
    """Whether the container gets a terminal: as it was said, else if we have one. Raises `UsageError`."""
    if without is not None and wished is not None:
        raise UsageError("--tty and --no-tty contradict each other", hint="leave one of them out")
    if wished is not None:
        return wished
    return sys.stdin.isatty() and sys.stdout.isatty() if without is None else not without


def _value(session: Session, value: str | None, name: str) -> str | None:
    """`-e NAME` passes on ours, if there is one."""
    return session.environment.get(name) if value is None else value


def _variable(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None
