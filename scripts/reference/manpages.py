"""Man pages: pycompose(1), one for each of its commands, and pycompose-engine(8) for the daemon."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

import pycompose
from compose.cli.group import cli
from compose.cli.parsing.examples import EXAMPLES, line_of
from engine.daemon.main import main as daemon
from scripts.reference.commands import option_rows, subcommands, usage

_DIFFERENCES = Path(__file__).with_name("differences.toml")


def man_pages() -> dict[str, str]:
    """File name -> text. Equal commands give equal pages: they have no date."""
    root = click.Context(cli, info_name="pycompose")
    pages = {f"{_name(context)}.1": _page(context) for context in _contexts(root)}
    context = click.Context(daemon, info_name="pycompose-engine")
    return pages | {"pycompose-engine.8": _daemon_page(context)}


def _contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for inner in subcommands(context, context.command):
            yield from _contexts(inner)


def _page(context: click.Context) -> str:
    command = context.command
    lines = [*_head(context, "1", "User Commands"), *_options(context)]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for inner in subcommands(context, command):
            lines += [".TP", f".BR {_text(_name(inner))} (1)", _text(_sentence(inner.command))]
    words = context.command_path.partition(" ")[2]
    lines += _examples(words)
    if not context.parent:
        lines += _variables()
    return "\n".join([*lines, *_see_also(context)]) + "\n"


def _daemon_page(context: click.Context) -> str:
    """All of the daemon's commands on one page."""
    lines = [*_head(context, "8", "System Administration"), *_options(context), ".SH COMMANDS"]
    assert isinstance(context.command, click.Group), "the daemon has commands"
    for inner in subcommands(context, context.command):
        lines += [f".SS {_text(usage(inner))}", _text(_sentence(inner.command)), *_records(inner)]
    return "\n".join([*lines, ".SH SEE ALSO", ".BR pycompose (1),", ".BR pycompose\\-engine (1)"]) + "\n"


def _head(context: click.Context, section: str, manual: str) -> list[str]:
    name, version = _name(context), pycompose.__version__
    summary = _sentence(context.command).removesuffix(".")
    return [
        f'.TH "{_text(name.upper())}" "{section}" "" "pycompose {_text(version)}" "{manual}"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(summary[0].lower() + summary[1:])}",
        ".SH SYNOPSIS",
        f".B {_text(usage(context))}",
        ".SH DESCRIPTION",
        _text(_sentence(context.command)),
    ]


def _options(context: click.Context) -> list[str]:
    records = _records(context)
    return [".SH OPTIONS", *records] if records else []


def _records(context: click.Context) -> list[str]:
    lines: list[str] = []
    for names, told in option_rows(context):
        lines += [".TP", f".B {_text(names)}", _text(re.sub(r"\s+", " ", told))]
    return lines


def _examples(command: str) -> list[str]:
    lines = [".SH EXAMPLES"]
    for words, what in EXAMPLES.get(command, ()):
        lines += [".TP", _text(f"{what[0].upper()}{what[1:]}:"), f".B {_text(line_of(words))}"]
    return lines if len(lines) > 1 else []


def _variables() -> list[str]:
    lines = [".SH ENVIRONMENT"]
    for name, what in tomllib.loads(_DIFFERENCES.read_text("utf-8"))["variables"].items():
        lines += [".TP", f".B {name}", _text(f"{what[0].upper()}{what[1:]}.".replace("`", ""))]
    return lines


def _see_also(context: click.Context) -> list[str]:
    others = [] if context.parent is None else [_name(context.parent)]
    if _name(context) == "pycompose-engine":
        return [".SH SEE ALSO", ".BR pycompose (1),", ".BR pycompose\\-engine (8)"]
    return [".SH SEE ALSO", *(f".BR {_text(name)} (1)" for name in others or ["pycompose-engine"])]


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _sentence(command: click.Command) -> str:
    text = re.sub(r"\s+", " ", command.help or "").strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _text(text: str) -> str:
    """Text without meaning for troff."""
    plain = (
        text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("'", "\\(aq").replace("`", "\\(ga")
    )
    plain = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in plain)
    return f"\\&{plain}" if plain.startswith(".") else plain
