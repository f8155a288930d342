"""`wait`: wait until containers have ended."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import click

from compose.cli.parsing.arguments import format_option, services_argument
from compose.cli.session import Session

if TYPE_CHECKING:
    from compose.plan.observed import ObservedContainer


@click.command("wait", help="Wait until containers have ended")
@services_argument(required=True)
@click.option("--down-project", is_flag=True, help="Take the project down when they have ended")
@format_option("text", "json")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], down_project: bool, style: str) -> int:
    """Print each exit code; end with that of the last that ended."""
    from compose.apply.looking.observe import observe
    from compose.apply.parallel import all_of
    from compose.apply.refusals import refusals
    from compose.apply.stage import Stage
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import carry_out
    from compose.cli.reaching.located import located
    from compose.errors import ComposeError
    from compose.plan.deciding.teardown import DownOptions, plan_down

    async def work() -> int:
        codes: list[int] = []
        async with located(session, services) as place:
            if not place.running():
                raise ComposeError("no container to wait for", hint="`pycompose ps` shows what runs")

            async def wait(item: ObservedContainer) -> None:
                with refusals(f"waiting for container {item.name}"):
                    codes.append(await place.engine.wait_container(item.id))
                click.echo(_told(item, codes[-1], style))

            await all_of([partial(wait, item) for item in place.running()])
            if down_project:
                observed = await observe(place.engine, place.project.name)
                plan = plan_down(place.project.name, place.project, observed, DownOptions(remove_orphans=True))
                await carry_out(session, "down", plan, Stage(place.engine, place.project, observed), keep_going=True)
        return codes[-1]

    return run_async(work)


def _told(item: ObservedContainer, code: int, style: str) -> str:
    if style == "text":
        return f'container "{item.id}" exited with status code {code}'
    record = {"ID": item.id, "Name": item.name, "Service": item.service, "ExitCode": code}
    return json.dumps(record, separators=(",", ":"))
