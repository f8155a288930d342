"""`run`: a one-off command in a new container of a service."""

from __future__ import annotations

import secrets
import sys
from dataclasses import replace
from typing import Any

import click

from compose.cli.arguments import service_argument
from compose.cli.loading import load_project, warn_without_effect
from compose.cli.run_request import RunRequest
from compose.cli.session import Session


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
@click.option("-T", "--no-tty", is_flag=True, help="Without a terminal")
@click.option("-t", "--tty", "force_tty", is_flag=True, hidden=True)
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
@click.option("--pull", type=click.Choice(["always", "missing", "never", "policy"]), default="policy", help="When")
@click.option("--build", "build", is_flag=True, help="Build the image first, also if it is there")
@click.option("-q", "--quiet", is_flag=True, help="Without progress")
@click.option("--quiet-build", is_flag=True, help="Build without progress")
@click.option("--quiet-pull", is_flag=True, help="Pull without progress")
@click.option("--remove-orphans", is_flag=True, help="Remove containers of services that are not defined")
@click.pass_obj
def command(session: Session, /, **options: Any) -> int:
    """Run it and end with its exit code."""
    from compose.cli.asynchronous import run_async
    from compose.cli.one_off import run_one_off
    from compose.cli.pointing import pointing
    from compose.graph.graph import select_services

    request = _requested(session, options)
    if request.quiet:
        session = replace(session, progress="quiet")
    loaded = load_project(session, select=(request.service,), selected_only=True)
    project = loaded.project
    project = select_services(project, (request.service,), with_dependencies=not request.no_deps)
    warn_without_effect(session, loaded, project.services)
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
    given = dict(map(_variable, options["environment"]))
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    no_tty, force_tty = options.pop("no_tty"), options.pop("force_tty")
    wanted: dict[str, Any] = {
        **options,
        "pull": options["pull"].replace("policy", ""),
        "environment": {**from_files, **given},
        "labels": {name: value or "" for name, value in map(_variable, options["labels"])},
        "volumes": mounts_of(options["volumes"], str(session.cwd), home),
        "publish": ports_of(options["publish"]),
        "tty": force_tty or (is_terminal and not no_tty),
    }
    return RunRequest(**wanted)


def _variable(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None
