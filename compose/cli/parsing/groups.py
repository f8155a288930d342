"""A group of commands: flags as Go programs take them, and a hint where nobody is called like that."""

from __future__ import annotations

import click

from compose.cli.parsing.spelling import respelt
from compose.cli.session import rehearsing


class CommandGroup(click.Group):
    """A group whose commands, and which itself, takes flags as scripts for docker compose write them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the group's own options. Without any word the help is what was asked for."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args if ctx.resilient_parsing else respelt(self, ctx, args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command and its words. Raises `UsageError` for one that is not there."""
        name = args[0]
        command = self.get_command(ctx, name)
        if ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if command is None:
            from compose.cli.parsing.mistakes import unknown_command

            raise unknown_command(self, ctx, name)
        words = args[1:] if isinstance(command, CommandGroup) else respelt(command, ctx, args[1:])
        return name, command, words


def told(command: click.Command, epilog: str | None) -> click.Command:
    """The command, whose help says defaults and ends with examples."""
    command.epilog = command.epilog or epilog
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.is_flag and isinstance(parameter.default, str | int):
            parameter.show_default = bool(parameter.default)
    return command


def with_dry_run(command: click.Command) -> click.Command:
    """The command, which takes the global `--dry-run` behind its name as well."""
    if not any(parameter.name == _DRY_RUN for parameter in command.params):
        option = click.Option(
            ["--dry-run", _DRY_RUN], is_flag=True, expose_value=False, callback=_rehearse, hidden=True
        )
        command.params.append(option)
    return command


_DRY_RUN = "rehearses"


def _rehearse(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and ctx.obj is not None:
        ctx.obj = rehearsing(ctx.obj)
