"""`completion`: the script by which a shell completes our commands."""

from __future__ import annotations

import sys

import click
from click.shell_completion import get_completion_class


@click.command("completion", help="Print what a shell needs to complete commands, options and services")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script; the shell evaluates it, and asks us at each completion."""
    root = ctx.find_root()
    name = root.info_name or "pycompose"
    made = get_completion_class(shell)
    assert made is not None, "click knows the shells of the choice"
    sys.stdout.write(made(root.command, {}, name, f"_{name.replace('-', '_').upper()}_COMPLETE").source())
