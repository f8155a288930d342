"""What `--help` shows commands by."""

from __future__ import annotations

import shlex

import click
import pytest

from compose.cli.group import cli
from compose.cli.parsing.examples import EXAMPLES, line_of


def visible() -> list[str]:
    root = click.Context(cli, info_name="pycompose")
    found = [(name, cli.get_command(root, name)) for name in cli.list_commands(root)]
    return [name for name, command in found if command is not None and not command.hidden]


@pytest.mark.parametrize("name", ["", *visible()])
def test_every_command_has_an_example(name: str) -> None:
    assert 1 <= len(EXAMPLES.get(name, ())) <= 3


def lines() -> list[str]:
    shown = [line_of(words) for examples in EXAMPLES.values() for words, _ in examples]
    return [line for line in shown if line.startswith("pycompose ")]


@pytest.mark.parametrize("line", lines())
def test_an_example_is_a_command_line_that_is_understood(line: str) -> None:
    """Up to where the shell would redirect it."""
    words = shlex.split(line.split(" | ")[0].split(" < ")[0].split(" > ")[0])[1:]
    context = cli.make_context("pycompose", words, resilient_parsing=False)
    group: click.Group = cli
    rest = [*context._protected_args, *context.args]
    while True:
        name, command, rest = group.resolve_command(context, rest)
        assert command
        context = command.make_context(name, rest, parent=context)
        if not isinstance(command, click.Group):
            return
        group, rest = command, [*context._protected_args, *context.args]


def test_help_shows_examples_and_says_defaults() -> None:
    root = click.Context(cli, info_name="pycompose")
    command = cli.get_command(root, "logs")
    assert command
    shown = command.get_help(click.Context(command, parent=root, info_name="logs"))
    assert "  pycompose logs -f --tail 100 web\n" in shown
    assert "[default: all]" in shown
    assert 'default: ""' not in shown
