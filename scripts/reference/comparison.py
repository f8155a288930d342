"""docs/flags.md: every flag of docker compose beside ours, by its data (`docker_compose.json`) and our commands.

What the two say of themselves is compared here: name, short name, default, whether there is a value and whether it may
be repeated. Where they do not agree, and where ours does something else, `differences.toml` has to say how and why.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from compose.cli.group import cli
from compose.cli.parsing.spelling import OLDER_NAMES
from scripts.reference.commands import plain

_HERE = Path(__file__).parent
_REPEATABLE = ("stringArray", "list", "filter", "stringSlice")
# Defaults that only say what happens without the flag.
_NO_DEFAULT = ("", "0", "false", "true", "auto", "table", "-1")

_HEAD = """\
# Flags, beside docker compose's

Every command and flag of docker compose {version}, hidden and deprecated ones included, and what becomes of it with
pycompose. Made by `make reference` from docker compose's own list, from the commands of pycompose and from
`scripts/reference/differences.toml`; a test compares.

*same*: accepted with the same meaning, value, short form and default. *differs*: accepted, with the difference told.
Switches take values (`--detach=false`, `-d=true`), short flags an equals sign (`-f=compose.yaml`), and `--dry-run` may
stand before or behind every command, as there.

{counts}
"""


class Row(NamedTuple):
    """A flag, what becomes of it (`same`, `differs`, `missing`), and how or why."""

    flag: str
    state: str
    note: str = ""


def flags_page() -> str:
    """The comparison as Markdown. Raises `ValueError` for what differs without a word."""
    reference = json.loads((_HERE / "docker_compose.json").read_text("utf-8"))
    told = tomllib.loads((_HERE / "differences.toml").read_text("utf-8"))
    tables = {name: list(_rows(name, flags, told)) for name, flags in reference["commands"].items()}
    rows = [row for table in tables.values() for row in table]
    counts = ", ".join(f"{sum(row.state == state for row in rows)} {state}" for state in ("same", "differs", "missing"))
    parts = [_HEAD.format(version=reference["version"], counts=f"{len(rows)} flags: {counts}.")]
    for name, table in tables.items():
        parts.append(_table(name, table, "" if _command(name) else told["commands"][name]))
    parts.append(_variables(told["variables"]))
    return "\n".join(parts)


def unsaid() -> list[str]:
    """What differs without a word in `differences.toml`, and words there for what does not exist (any more)."""
    reference = json.loads((_HERE / "docker_compose.json").read_text("utf-8"))["commands"]
    told = tomllib.loads((_HERE / "differences.toml").read_text("utf-8"))
    wrong = [
        f"{name} {row.flag}: {row.state}, and nothing says why"
        for name, flags in reference.items()
        for row in _rows(name, flags, told)
        if row.state != "same" and not row.note
    ]
    wrong += [f"command `{name}` is missing, and nothing says why" for name in reference if _silent(name, told)]
    for name, flags in told["flags"].items():
        wrong += [f"{name} {flag}: docker compose has no such flag" for flag in flags if flag not in reference[name]]
    return wrong


def _silent(name: str, told: Mapping[str, Any]) -> bool:
    return _command(name) is None and name not in told["commands"]


def _rows(name: str, flags: Mapping[str, Mapping[str, Any]], told: Mapping[str, Any]) -> Iterator[Row]:
    command = _command(name)
    words: Mapping[str, str] = told["flags"].get(name, {})
    for flag, facts in flags.items():
        option = _option(name, flag, command) if command else None
        note = words.get(flag, "")
        if command is None:
            yield Row(flag, "missing", "with its command")
        elif option is None:
            yield Row(flag, "missing", note)
        elif note or not _agrees(option, facts):
            yield Row(flag, "differs", note)
        else:
            yield Row(flag, "same")


def _command(name: str) -> click.Command | None:
    """Our command of that name (`engine ps`), None if there is none; "" is the program itself."""
    command: click.Command | None = cli
    context = click.Context(cli, info_name="pycompose")
    for word in name.split():
        if not isinstance(command, click.Group):
            return None
        command = command.get_command(context, word)
    return command


def _option(name: str, flag: str, command: click.Command) -> click.Option | None:
    wanted = OLDER_NAMES.get((name, flag), flag)
    options = [each for each in command.params if isinstance(each, click.Option)]
    return next((each for each in options if wanted in (*each.opts, *each.secondary_opts)), None)


def _agrees(option: click.Option, facts: Mapping[str, Any]) -> bool:
    short = facts.get("short")
    default = str(facts.get("default", ""))
    ours = "" if option.is_flag or option.multiple else str(option.to_info_dict().get("default") or "")
    return (
        (not short or short in option.opts)
        and option.is_flag == (facts["type"] == "bool")
        and option.multiple == (facts["type"] in _REPEATABLE)
        and (default in _NO_DEFAULT or ours in ("", default))
    )


def _table(name: str, rows: list[Row], note: str) -> str:
    title = f"docker compose {name}".strip()
    lines = [f"## {title}\n"]
    if note:
        lines.append(f"Missing: {note}.\n")
    if rows:
        lines.append("| flag | | |\n|---|---|---|")
        lines += [f"| `{row.flag}` | {row.state} | {plain(row.note)} |" for row in rows]
        lines.append("")
    if not (rows or note):
        lines.append("No flags of its own.\n")
    return "\n".join(lines)


def _variables(told: Mapping[str, str]) -> str:
    rows = [f"| `{name}` | {plain(note)} |" for name, note in told.items()]
    return "\n".join(["## Variables\n", "| variable | |\n|---|---|", *rows, ""])
