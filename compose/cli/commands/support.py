"""`support`: which attributes of the Compose Specification have an effect, and why others have none."""

from __future__ import annotations

import json
import sys

import click

from compose.model.support import rule_of


@click.command("support", help="Print which attributes of the Compose files have an effect")
@click.argument("parts", nargs=-1, metavar="[ATTRIBUTE...]")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", help="Output format")
def command(parts: tuple[str, ...], style: str) -> None:
    """Print every attribute, or those whose path has one of the arguments in it."""
    from compose.errors import UsageError
    from compose.load.checks.attributes import attributes
    from compose.render.tables import table

    wanted = [path for path in attributes() if not parts or any(f".{part}." in f".{path}." for part in parts)]
    if not wanted:
        raise UsageError(f"no attribute is called {' or '.join(parts)}", hint="`pycompose support` lists all")
    rows = [_row(path) for path in wanted]
    if style == "json":
        keys = ("attribute", "pycompose", "docker", "reason")
        entries = [dict(zip(keys, row, strict=True)) for row in rows]
        sys.stdout.write(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(table(("ATTRIBUTE", "PYCOMPOSE", "DOCKER", "REASON"), rows))


def _row(path: str) -> tuple[str, str, str, str]:
    rule = rule_of(path)
    return (path, rule.here, rule.docker, rule.reason) if rule else (path, "yes", "yes", "")
