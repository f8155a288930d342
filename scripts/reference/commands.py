"""docs/commands.md: the commands as they explain themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from compose.cli.group import cli

_HEAD = """\
# Commands

Made from the commands themselves by `make reference`; `pycompose COMMAND --help` prints the same. [flags.md](flags.md)
compares them with docker compose's, flag by flag.
"""


def commands_page() -> str:
    """All commands with their arguments and options, as Markdown."""
    context = click.Context(cli, info_name="pycompose")
    return "\n".join([_HEAD, *_section(context, cli, level=2)]) + "\n"


def subcommands(context: click.Context, group: click.Group) -> Iterator[click.Context]:
    """The contexts of a group's commands that are not hidden, by name."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield click.Context(command, parent=context, info_name=name)


def usage(context: click.Context) -> str:
    """`pycompose up [OPTIONS] [SERVICE...]`."""
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])


def option_rows(context: click.Context) -> list[tuple[str, str]]:
    """What `--help` says of each option; of `--help` itself, which every command has, nothing."""
    return [
        record
        for parameter in context.command.get_params(context)
        if isinstance(parameter, click.Option)
        and "--help" not in parameter.opts
        and (record := parameter.get_help_record(context))
    ]


def _section(context: click.Context, command: click.Command, *, level: int) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path}\n"
    yield f"{command.help}.\n" if command.help and not command.help.endswith(".") else f"{command.help}\n"
    yield f"    {usage(context)}\n"
    if rows := option_rows(context):
        yield "| option | |\n|---|---|"
        yield from (f"| {_code(names)} | {plain(told)} |" for names, told in rows)
        yield ""
    if isinstance(command, click.Group):
        for inner in subcommands(context, command):
            yield from _section(inner, inner.command, level=min(level + 1, 4))


def _code(text: str) -> str:
    return ", ".join(f"`{part}`" for part in plain(text).split(", "))


def plain(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("|", "\\|")
