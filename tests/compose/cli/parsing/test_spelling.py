"""Flags as scripts for docker compose write them."""

from __future__ import annotations

import click
import pytest

from compose.cli.group import cli
from compose.cli.parsing.spelling import respelt


def words(command: str, *given: str) -> list[str]:
    root = click.Context(cli, info_name="pycompose")
    found = cli.get_command(root, command) if command else cli
    assert found
    return respelt(found, click.Context(found, parent=root, info_name=command), given)


@pytest.mark.parametrize(
    ("command", "given", "expected"),
    [
        ("up", ["--detach=true", "web"], ["--detach", "web"]),
        ("up", ["-d=1"], ["-d"]),
        ("up", ["--detach=false", "web"], ["web"]),
        ("up", ["-d", "--build", "--detach=F"], ["--build"]),
        ("up", ["--detach=false", "-d"], ["-d"]),
        ("up", ["--menu=false"], ["--no-menu"]),
        ("up", ["--no-menu=false"], ["--menu"]),
        ("up", ["--scale", "--detach=true", "--scale=web=3"], ["--scale", "--detach=true", "--scale=web=3"]),
        ("up", ["--y", "-dt5"], ["--yes", "-d", "-t", "5"]),
        ("up", ["-t=5"], ["-t", "5"]),
        ("up", ["web", "--", "--detach=true"], ["web", "--", "--detach=true"]),
        ("down", ["--volume"], ["--volumes"]),
        ("run", ["-T=false", "--rm", "web", "sh", "-e=x"], ["--with-tty", "--rm", "web", "sh", "-e=x"]),
        ("run", ["--labels", "a=b", "web"], ["--label", "a=b", "web"]),
        ("run", ["-itv", "/a:/b", "web"], ["-i", "-t", "-v", "/a:/b", "web"]),
        ("exec", ["--no-TTY", "web", "ls", "-l"], ["--no-tty", "web", "ls", "-l"]),
        ("", ["-f=x.yaml", "-p", "app", "up", "-d=true"], ["-f", "x.yaml", "-p", "app", "up", "-d=true"]),
        ("logs", ["-n5", "-", "--nonsense", "-xyz"], ["-n", "5", "-", "--nonsense", "-xyz"]),
    ],
)  # fmt: skip
def test_flags_are_respelt_for_click(command: str, given: list[str], expected: list[str]) -> None:
    assert words(command, *given) == expected


def test_a_switch_takes_only_what_is_true_or_false() -> None:
    with pytest.raises(click.BadParameter, match="neither true nor false"):
        words("up", "--detach=maybe")
