"""`apply`: do what a plan in a file says, if that is still what `up` would do."""

from __future__ import annotations

import json
from pathlib import Path

import click

from compose.cli.session import Session
from compose.errors import ComposeError


@click.command("apply", help="Do what a plan of `plan --out FILE` says, unless the world has moved since")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def command(session: Session, file: Path) -> int:
    """Plan again, compare, and bring the project up."""
    from compose.cli.asynchronous import run_async
    from compose.cli.commands.up import up
    from compose.cli.up.plan_file import read_plan
    from compose.cli.up.planning import foreseen
    from compose.render.plan import plan_json

    planned = read_plan(session, session.cwd / file)
    found = run_async(lambda: foreseen(planned.session, planned.request))
    if found.mark != planned.mark:
        before, now = _by_name(planned.plan), _by_name(json.loads(plan_json(found.entries)))
        moved = [name for name in {**now, **before} if now.get(name) != before.get(name)]
        what = f"something else has become of {', '.join(sorted(moved))}" if moved else "files or images have changed"
        raise ComposeError(
            f"the plan is out of date: since it was made, {what}", hint="look at a new one with `pycompose plan`"
        )
    return up(planned.session, planned.request)


def _by_name(plan: dict[str, list[dict[str, object]]]) -> dict[str, dict[str, object]]:
    return {f"{entry['kind']} {entry['name']}": entry for entry in plan["entries"]}
