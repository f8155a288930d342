"""`plan`: what `up` would do, and why, without doing it."""

from __future__ import annotations

import sys
from typing import Any

import click

from compose.cli.commands.up import create_options, requested
from compose.cli.session import Session

_CHANGES = 2


@click.command("plan", help="Print what `up` would do, and why, without doing it")
@create_options
@click.option("--always-recreate-deps", is_flag=True, help="Replace dependencies too")
@click.option("--no-deps", is_flag=True, help="Leave out the services that the named ones depend on")
@click.option("-V", "--renew-anon-volumes", is_flag=True, help="New anonymous volumes for replaced containers")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="Output format")
@click.option("--exit-code", "tells", is_flag=True, help="End with 2 if there is anything to do")
@click.option("--out", default="", metavar="FILE", help="Write the plan to a file, for `apply`")
@click.pass_obj
def command(session: Session, /, style: str, tells: bool, out: str, **options: Any) -> int:
    """Print the plan; fail with all that stands against it, and write no file then."""
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import tell_warnings
    from compose.cli.terminal import output_colour, write_text
    from compose.cli.up.plan_file import saved
    from compose.cli.up.planning import foreseen, origin_in
    from compose.errors import raise_all
    from compose.plan.telling.summary import has_changes
    from compose.render.plan import plan_json, plan_text

    request = requested({**options, "detach": True})
    found = run_async(lambda: foreseen(session, request))
    tell_warnings(session, found.foresight.main)
    entries, origin = found.entries, origin_in(found.places)
    told = [problem for error in found.problems for problem in error.problems]
    as_json = style == "json"
    sys.stdout.write(
        plan_json(entries, origin, told)
        if as_json
        else plan_text(entries, origin, colour=output_colour(session), problems=len(told))
    )
    raise_all(found.problems)
    if out:
        write_text(session.cwd / out, saved(session, request, plan_json(entries), found.mark))
    return _CHANGES if tells and has_changes(entries) else 0
