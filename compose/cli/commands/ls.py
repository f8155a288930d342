"""`ls`: list projects."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter

import click

from compose.cli.session import Session
from compose.errors import UsageError


@click.command("ls", help="List running projects")
@click.option("-a", "--all", "everything", is_flag=True, help="Also stopped ones")
@click.option("--filter", "filters", multiple=True, metavar="name=PATTERN", help="Only those whose name matches")
@click.option("-q", "--quiet", is_flag=True, help="Only names")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", help="Output format")
@click.pass_obj
def command(session: Session, everything: bool, filters: tuple[str, ...], quiet: bool, style: str) -> None:
    """Print the projects of the engine."""
    from compose.cli.reaching.containers import project_containers
    from compose.plan import labels
    from compose.plan.observed import ObservedContainer
    from compose.render.tables import COMPOSE_NARROWEST, table

    patterns = [_pattern(text) for text in filters]
    projects: dict[str, list[ObservedContainer]] = {}
    for item in project_containers(session, everything=everything):
        if patterns and not any(pattern.search(item.labels[labels.PROJECT]) for pattern in patterns):
            continue
        projects.setdefault(item.labels[labels.PROJECT], []).append(item)
    rows = []
    for name, items in sorted(projects.items()):
        states = Counter(item.state for item in items)
        status = ", ".join(f"{state}({count})" for state, count in sorted(states.items()))
        files = ",".join(sorted({item.labels.get(labels.CONFIG_FILES, "") for item in items}))
        rows.append((name, status, files))
    if quiet:
        text = "".join(f"{name}\n" for name, _, _ in rows)
    elif style == "json":
        records = [{"Name": name, "Status": status, "ConfigFiles": files} for name, status, files in rows]
        text = json.dumps(records, separators=(",", ":")) + "\n"
    else:
        text = table(("NAME", "STATUS", "CONFIG FILES"), rows, narrowest=COMPOSE_NARROWEST)
    sys.stdout.write(text)


def _pattern(text: str) -> re.Pattern[str]:
    key, equals, pattern = text.partition("=")
    if key != "name" or not equals:
        raise UsageError(f"the filter `{text}` is not known", hint="use name=PATTERN, a regular expression")
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise UsageError(f"`{pattern}` is not a regular expression: {exc}") from exc
