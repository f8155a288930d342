"""`ps`: list a project's containers."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from compose.cli.loading import load_if_there
from compose.cli.parsing.arguments import services_argument
from compose.cli.reaching.containers import project_containers
from compose.cli.session import Session, check_services
from compose.errors import UsageError

if TYPE_CHECKING:
    from compose.plan.observed import ObservedContainer

_STATES = ("paused", "restarting", "removing", "running", "dead", "created", "exited")


@click.command("ps", help="List containers")
@services_argument()
@click.option("-a", "--all", "everything", is_flag=True, help="Also those that do not run, and those of `run`")
@click.option("--format", "style", default="", help="table, json, a Go template or `table` and a template")
@click.option("-q", "--quiet", is_flag=True, help="Only ids")
@click.option("--services", "only_services", is_flag=True, help="Only the names of services")
@click.option("--status", "states", multiple=True, type=click.Choice(_STATES), help="Only those in this state")
@click.option("--filter", "filters", multiple=True, help="status=STATE")
@click.option("--orphans/--no-orphans", default=True, help="Also containers of services that the files do not define")
@click.option("--no-trunc", is_flag=True, help="Do not shorten ids and commands")
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter per option
    session: Session,
    services: tuple[str, ...],
    everything: bool,
    style: str,
    quiet: bool,
    only_services: bool,
    states: tuple[str, ...],
    filters: tuple[str, ...],
    orphans: bool,
    no_trunc: bool,
) -> None:
    """Print the project's containers."""
    from compose.render.listings.formats import listing
    from compose.render.listings.ps import COLUMNS, Wording, ps_record

    states += tuple(_state_of(text) for text in filters)
    found = _found(session, services, everything=everything or bool(states), orphans=orphans)
    if states:
        found = [item for item in found if item.state in states]
    if quiet:
        text = "".join(f"{item.id}\n" for item in found)
    elif only_services:
        # An empty line if there are none, as docker compose prints it.
        text = "\n".join(dict.fromkeys(item.service for item in found)) + "\n"
    else:
        wording = Wording(now=time.time(), truncate=not no_trunc)
        text = listing(style, [ps_record(item, wording) for item in found], COLUMNS)
    sys.stdout.write(text)


def _found(session: Session, services: tuple[str, ...], *, everything: bool, orphans: bool) -> list[ObservedContainer]:
    # The name alone will do, unless there is something to check against the files.
    project = None if session.given_name and not services and orphans else load_if_there(session)
    check_services(project, services)
    name = project.name if project else session.given_name

    known = {*project.services, *project.disabled} if project else set()
    return [
        item
        for item in project_containers(session, name, everything=everything)
        if (not services or item.service in services)
        and (everything or not item.is_one_off)
        and (orphans or item.service in known)
    ]


def _state_of(text: str) -> str:
    key, _, state = text.partition("=")
    if key != "status" or state not in _STATES:
        raise UsageError(
            f"the filter `{text}` is not known", hint=f"use status=STATE, STATE one of {', '.join(_STATES)}"
        )
    return state
