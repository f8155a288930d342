"""`wait`: wait until containers have ended."""

from __future__ import annotations

from functools import partial

import click

from compose.cli.arguments import services_argument
from compose.cli.session import Session


@click.command("wait", help="Wait until containers have ended")
@services_argument(required=True)
@click.option("--down-project", is_flag=True, help="Take the project down when they have ended")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], down_project: bool) -> int:
    """Print each exit code; end with that of the last that ended."""
    from compose.apply.observe import observe
    from compose.apply.parallel import all_of
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.located import located
    from compose.cli.working import Stage, carry_out
    from compose.errors import ComposeError
    from compose.plan.observed import ObservedContainer
    from compose.plan.teardown import DownOptions, plan_down

    async def work() -> int:
        codes: list[int] = []
        async with located(session, services) as place:
            if not place.running():
                raise ComposeError("no container to wait for", hint="`pycompose ps` shows what runs")

            async def wait(item: ObservedContainer) -> None:
                with refusals(f"waiting for container {item.name}"):
                    codes.append(await place.engine.wait_container(item.id))
                click.echo(f'container "{item.id}" exited with status code {codes[-1]}')

            await all_of([partial(wait, item) for item in place.running()])
            if down_project:
                observed = await observe(place.engine, place.project.name)
                plan = plan_down(place.project.name, place.project, observed, DownOptions(remove_orphans=True))
                await carry_out(session, "down", plan, Stage(place.engine, place.project, observed), keep_going=True)
        return codes[-1]

    return run_async(work)
