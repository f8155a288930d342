"""Writes docs/commands.md from the commands themselves: `python -m scripts.command_reference > docs/commands.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from compose.cli.group import cli

_HEAD = """\
# Commands

Made from the commands themselves by `make reference`; `pycompose COMMAND --help` prints the same.
"""


def reference() -> str:
    """All commands with their arguments and options, as Markdown."""
    context = click.Context(cli, info_name="pycompose")
    return "\n".join([_HEAD, *_section(context, cli, level=2)]) + "\n"


def _section(context: click.Context, command: click.Command, *, level: int) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"{'#' * level} {context.command_path}\n"
    yield f"{command.help}.\n" if command.help and not command.help.endswith(".") else f"{command.help}\n"
    yield f"    {usage}\n"
    rows = [record for parameter in command.get_params(context) if (record := _option(context, parameter))]
    if rows:
        yield "| option | |\n|---|---|"
        yield from (f"| {_code(names)} | {_plain(told)} |" for names, told in rows)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                inner = click.Context(child, parent=context, info_name=name)
                yield from _section(inner, child, level=min(level + 1, 4))


def _option(context: click.Context, parameter: click.Parameter) -> tuple[str, str] | None:
    """What `--help` says of an option; of `--help` itself, which every command has, nothing."""
    is_told = isinstance(parameter, click.Option) and "--help" not in parameter.opts
    return parameter.get_help_record(context) if is_told else None


def _code(text: str) -> str:
    return ", ".join(f"`{part}`" for part in text.replace("|", "\\|").split(", "))


def _plain(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
