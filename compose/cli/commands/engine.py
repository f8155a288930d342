"""`engine`: containers, images, networks and volumes without a project. Commands are imported when they are used."""

from __future__ import annotations

import importlib
from typing import Final

import click

from compose.cli.parsing.groups import CommandGroup

# name -> the module below compose.cli.engine and help; the command is the module's function of that name.
COMMANDS: Final = {
    "build": ("building", "Build an image from a Dockerfile"),
    "df": ("system", "Show what takes room on the disk"),
    "events": ("system", "Print what happens in the engine"),
    "exec": ("running", "Run a command in a running container"),
    "images": ("images", "List images"),
    "info": ("system", "Show the engine and its machine"),
    "inspect": ("inspecting", "Show everything about containers, images, networks and volumes"),
    "kill": ("containers", "Send containers a signal"),
    "logs": ("containers", "Print what a container wrote"),
    "network": ("networks", "List, make and remove networks"),
    "prune": ("system", "Remove what nobody uses"),
    "ps": ("containers", "List containers"),
    "pull": ("images", "Fetch an image"),
    "push": ("images", "Bring an image to its registry"),
    "restart": ("containers", "Stop containers, if they run, and start them"),
    "rm": ("containers", "Remove containers"),
    "rmi": ("images", "Remove images"),
    "run": ("running", "Run a command in a new container"),
    "start": ("containers", "Start containers"),
    "stop": ("containers", "Stop containers"),
    "tag": ("images", "Give an image one more name"),
    "volume": ("volumes", "List, make and remove volumes"),
}


class EngineGroup(CommandGroup):
    """Imports a command's module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"compose.cli.engine.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in sorted(COMMANDS.items())])


command = EngineGroup("engine", help="Use the engine without a project, as with docker's commands")
