"""`explain`: why the containers of a service were made as they are."""

from __future__ import annotations

import sys
import time

import click

from compose.cli.arguments import services_argument
from compose.cli.session import Session


@click.command("explain", help="Tell why a service's containers were last made anew")
@services_argument()
@click.pass_obj
def command(session: Session, services: tuple[str, ...]) -> None:
    """Print a line for each container."""
    from compose.cli.asynchronous import run_async
    from compose.cli.located import located
    from compose.plan import labels
    from compose.plan.observed import ObservedContainer
    from compose.render.units import human_duration

    async def work() -> tuple[ObservedContainer, ...]:
        async with located(session, services) as place:
            return place.containers

    for item in run_async(work):
        because = item.labels.get(labels.BECAUSE)
        deed = f"took the place of another one: {because}" if because else "was made where there was none before"
        sys.stdout.write(f"{item.name}  {human_duration(time.time() - item.created)} ago  {deed}\n")
