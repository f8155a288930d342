"""`explain`: why the containers of a service were made as they are."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from compose.cli.parsing.arguments import format_option, services_argument
from compose.cli.session import Session

if TYPE_CHECKING:
    from compose.plan.observed import ObservedContainer


@click.command("explain", help="Tell why a service's containers were last made anew")
@services_argument()
@format_option("text", "json")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], style: str) -> None:
    """Print a line for each container."""
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located
    from compose.plan import labels
    from compose.render.units import human_duration

    async def work() -> tuple[ObservedContainer, ...]:
        async with located(session, services) as place:
            return place.containers

    found = run_async(work)
    if style == "json":
        sys.stdout.write(json.dumps([_record(item) for item in found], indent=2, ensure_ascii=False) + "\n")
        return
    for item in found:
        because = item.labels.get(labels.BECAUSE)
        deed = f"took the place of another one: {because}" if because else "was made where there was none before"
        sys.stdout.write(f"{item.name}  {human_duration(time.time() - item.created)} ago  {deed}\n")


def _record(item: ObservedContainer) -> dict[str, object]:
    """`Because` is empty for a container that took nobody's place."""
    from datetime import UTC, datetime

    from compose.plan import labels

    return {
        "Name": item.name,
        "Service": item.service,
        "CreatedAt": datetime.fromtimestamp(item.created, UTC).isoformat().replace("+00:00", "Z"),
        "Because": item.labels.get(labels.BECAUSE, ""),
    }
