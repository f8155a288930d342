"""`events`: print what happens to the project's containers."""

from __future__ import annotations

import json
import sys
import time

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session


@click.command("events", help="Print what happens to the project's containers")
@services_argument()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line")
@click.option("--since", default="", help="From this time on (a date, or 42m for 42 minutes ago)")
@click.option("--until", default="", help="Up to this time")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], as_json: bool, since: str, until: str) -> None:
    """Print events until interrupted, or up to `until`."""
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.parsing.moment import moment
    from compose.cli.reaching.connection import connected
    from compose.cli.reaching.located import project_or_name
    from compose.plan import labels
    from engine.wire.system import EventMessage
    from engine.wire.times import rfc3339

    name = project_or_name(session, services).name
    now = time.time()
    since, until = moment(since, now), moment(until, now)

    def line(event: EventMessage) -> str:
        attributes = event.actor.attributes
        shown = {key: value for key, value in attributes.items() if not labels.is_internal(key)}
        when = rfc3339(event.time_nano)
        if not as_json:
            details = ", ".join(f"{key}={value}" for key, value in sorted(shown.items()))
            return f"{when} container {event.action} {event.actor.id} ({details})\n"
        record = {
            "time": when,
            "type": "container",
            "service": attributes.get(labels.SERVICE, ""),
            "id": event.actor.id,
            "action": event.action,
            "attributes": shown,
        }
        return json.dumps(record, separators=(",", ":")) + "\n"

    async def work() -> None:
        filters = {"type": ["container"], "label": [f"{labels.PROJECT}={name}"]}
        async with connected(session) as engine:
            with refusals("listening to the engine"):
                async with engine.listening(filters=filters, since=since, until=until) as events:
                    async for event in events:
                        if not services or event.actor.attributes.get(labels.SERVICE) in services:
                            sys.stdout.write(line(event))
                            sys.stdout.flush()

    run_async(work)
