"""The command group: global options, and the table of commands with the module of each."""

from __future__ import annotations

import importlib
import os
from typing import Any

import click

import pycompose
from compose.cli.parsing.completing import profile_names, project_names
from compose.cli.parsing.examples import epilog
from compose.cli.parsing.groups import CommandGroup, told, with_dry_run
from compose.cli.session import PROGRESS, session_of

# name -> help; the module is compose.cli.commands.<name>, its object `command`.
COMMANDS = {
    "apply": "Do what a plan in a file says",
    "attach": "Join the terminal to a running container",
    "bridge": "Convert the project into another model, such as Kubernetes'",
    "build": "Build the images of services",
    "commit": "Make an image of a service's container",
    "completion": "Print what a shell needs to complete commands and services",
    "config": "Check the Compose files and print the project they make",
    "cp": "Copy files out of and into containers",
    "create": "Create a project's containers without starting them",
    "down": "Stop and remove containers and networks",
    "engine": "Use the engine without a project, as with docker's commands",
    "events": "Print what happens to the project's containers",
    "exec": "Run a command in a running container",
    "explain": "Tell why a service's containers were last made anew",
    "export": "Write the files of a service's container as a tar archive",
    "graph": "Draw the services and what they wait for",
    "images": "List the images of the project's containers",
    "kill": "Send a signal to containers",
    "login": "Log in to a registry",
    "logout": "Forget the credentials of a registry",
    "logs": "Print the output of containers",
    "ls": "List running projects",
    "pause": "Freeze the processes of services",
    "plan": "Print what `up` would do, and why, without doing it",
    "port": "Print where a port is published",
    "ps": "List containers",
    "publish": "Publish the application to a registry",
    "pull": "Fetch the images of services",
    "push": "Bring the images that services build to their registries",
    "restart": "Restart containers",
    "rm": "Remove stopped containers",
    "run": "Run a one-off command in a new container of a service",
    "scale": "Bring services to a number of containers",
    "start": "Start containers that exist",
    "stats": "Print what containers use, again and again",
    "stop": "Stop containers",
    "support": "Print which attributes of the Compose files have an effect",
    "top": "Print the running processes",
    "unpause": "Let frozen services go on",
    "up": "Create and start containers",
    "version": "Print the version",
    "volumes": "List the project's volumes",
    "wait": "Wait until containers have ended",
    "watch": "Bring the project up and keep its containers up to date with their files",
}
_FILE = click.Path()  # a shell completes it; that it is there is seen when it is read
_ALIASES = {"convert": "config"}
# Commands that no list shows.
_HIDDEN = ("alpha",)


class LazyGroup(CommandGroup):
    """Imports a command's module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None if there is none."""
        name = _ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS and name not in _HIDDEN:
            return None
        command: click.Command = importlib.import_module(f"compose.cli.commands.{name}").command
        return told(with_dry_run(command), epilog(name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"{ctx.find_root().info_name} version v{pycompose.__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    help="Define and run multi-container applications, without Docker.",
    epilog=epilog(""),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-f", "--file", "files", multiple=True, type=_FILE, metavar="FILE", help="Compose file (- is stdin), repeatable"
)
@click.option(
    "-p", "--project-name", default="", metavar="NAME", shell_complete=project_names, help="Name of the project"
)
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    shell_complete=profile_names,
    help="Enable a profile, repeatable",
)
@click.option(
    "--env-file", "env_files", multiple=True, type=_FILE, metavar="FILE", help="Another file than .env, repeatable"
)
@click.option(
    "--project-directory",
    default="",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Where relative paths begin",
)
@click.option("--workdir", default="", metavar="DIR", hidden=True)
@click.option("--all-resources", is_flag=True, help="Also networks, volumes, ... that no service uses")
@click.option("-H", "--host", default="", metavar="ADDRESS", help="Engine to talk to, instead of our own")
@click.option("--ansi", type=click.Choice(["auto", "always", "never"]), default=None, help="Colours and redrawing")
@click.option("--progress", type=click.Choice([*PROGRESS, "none"]), default=None, help="How to show progress")
@click.option(
    "--parallel", type=int, default=None, metavar="N", help="Calls to the engine at a time, -1 for any number"
)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, without doing it")
@click.option("--compatibility", is_flag=True, help="Name containers and images as docker-compose 1 did, with _")
@click.option("--insecure-registry", "insecure_registries", multiple=True, metavar="HOST", hidden=True)
@click.option("--no-ansi", is_flag=True, hidden=True)
@click.option("--verbose", is_flag=True, expose_value=False, hidden=True)
@click.option("-v", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, hidden=True)
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """Collect the global options for the command."""
    session = session_of(options, os.environ)
    if isinstance(ctx.obj, list):
        ctx.obj.append(session)  # for who tells how the command ended
    ctx.obj = session
    for flag, instead in (("no_ansi", "--ansi never"), ("workdir", "--project-directory")):
        if options[flag]:
            from compose.cli.terminal import warn

            warn(session, f"--{flag.replace('_', '-')} is deprecated: use {instead}")
