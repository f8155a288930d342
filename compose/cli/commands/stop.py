"""`stop`: stop containers and keep them."""

from __future__ import annotations

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session


@click.command("stop", help="Stop containers")
@services_argument()
@click.option("-t", "--timeout", "timeout_seconds", type=int, default=None, help="Seconds until containers are killed")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], timeout_seconds: int | None) -> None:
    """Stop what runs."""
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import carry_out
    from compose.cli.reaching.located import located
    from compose.plan.deciding.teardown import plan_stop

    async def work() -> None:
        async with located(session, services) as place:
            plan = plan_stop(place.containers, timeout_seconds)
            await carry_out(session, "stop", plan, place.stage, keep_going=True)

    run_async(work)
