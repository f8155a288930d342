"""What was probably meant by a command line that nobody understands."""

from __future__ import annotations

from collections.abc import Sequence

import click

from compose.errors import Problem, UsageError
from compose.load.hints import did_you_mean


def problem_of(error: click.ClickException, path: str, words: Sequence[str]) -> Problem:
    """The error in our words. `path` is the program with the command, `words` are all of the command line behind it."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.NoSuchOption) and ctx:
        return Problem(f"unknown flag: {error.option_name}", hint=_flag_hint(error, ctx, words))
    if isinstance(error, click.MissingParameter) and ctx:
        return Problem(f"{_name(error)} is missing", hint=_usage(ctx))
    if isinstance(error, click.BadOptionUsage):
        return Problem(f"{error.option_name} needs a value", hint=_help(path))
    if isinstance(error, click.BadParameter):
        return Problem(f"{_name(error)}: {_sentence(error.message)}", hint=_help(path))
    message = error.format_message()
    if message.startswith("Got unexpected extra argument") and ctx:
        return Problem(_sentence(message).replace("got", "too much:", 1), hint=_usage(ctx))
    return Problem(_sentence(message), hint=_help(path))


def unknown_command(group: click.Group, ctx: click.Context, name: str) -> UsageError:
    """A name that no command of the group has."""
    near = did_you_mean(name, group.list_commands(ctx))
    path = ctx.command_path
    return UsageError(f"unknown command: {path} {name}", hint=near or f"`{path} --help` lists the commands")


def _flag_hint(error: click.NoSuchOption, ctx: click.Context, words: Sequence[str]) -> str:
    flag, root = error.option_name, ctx.find_root()
    if ctx is not root and flag in _flags(root.command, root):
        return f"it goes before the command: `{root.command_path} {flag}{_value(root, flag)} {ctx.info_name} …`"
    if ctx is root and isinstance(root.command, click.Group):
        name = next((word for word in words if word in root.command.list_commands(root)), "")
        command = root.command.get_command(root, name) if name else None
        if command and flag in _flags(command, root):
            return f"it goes after the command: `{root.command_path} {name} {flag} …`"
    near = did_you_mean(flag, _flags(ctx.command, ctx)) if flag.startswith("--") else None
    return near or _help(ctx.command_path)


def _flags(command: click.Command, ctx: click.Context) -> list[str]:
    options = [each for each in command.get_params(ctx) if isinstance(each, click.Option)]
    return [name for option in options for name in (*option.opts, *option.secondary_opts)]


def _value(ctx: click.Context, flag: str) -> str:
    """A word that stands for the flag's value, if it has one."""
    for each in ctx.command.get_params(ctx):
        if flag in each.opts and isinstance(each, click.Option) and not each.is_flag:
            return f" {each.make_metavar(ctx)}"
    return ""


def _name(error: click.BadParameter) -> str:
    if error.param_hint:
        return error.param_hint if isinstance(error.param_hint, str) else " / ".join(error.param_hint)
    if isinstance(error.param, click.Option):
        return error.param.opts[0]
    if error.param and error.ctx:
        return error.param.make_metavar(error.ctx)
    return "an argument"


def _usage(ctx: click.Context) -> str:
    return f"write `{' '.join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])}`"


def _help(path: str) -> str:
    return f"`{path} --help` tells what there is"


def _sentence(text: str) -> str:
    """Begin small and end without a full stop, as all our messages do."""
    text = text.strip().removesuffix(".")
    return text[:1].lower() + text[1:]
