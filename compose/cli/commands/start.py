"""`start`: start containers that exist, in the order of their dependencies."""

from __future__ import annotations

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session


@click.command("start", help="Start containers that exist")
@services_argument()
@click.option("--wait", is_flag=True, help="Wait until services run and are healthy")
@click.option("--wait-timeout", type=int, default=None, help="Seconds to wait at most")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], wait: bool, wait_timeout: int | None) -> None:
    """Start what exists and does not run."""
    from compose.apply.preflight import preflight_of_start
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import carry_out
    from compose.cli.reaching.located import located
    from compose.cli.terminal import warn
    from compose.errors import ComposeError
    from compose.plan.deciding.starting import plan_start

    async def work() -> None:
        async with located(session, services) as place:
            if not place.is_there:
                raise ComposeError("no container to start", hint="`pycompose up` creates them")
            for name in services:
                if all(item.service != name for item in place.containers):
                    warn(session, f"service {name} has no container to start")
            plan = plan_start(place.project, place.containers, wait=wait)
            await preflight_of_start(place.engine, plan)
            await carry_out(session, "start", plan, place.stage, patience_seconds=wait_timeout if wait else None)

    run_async(work)
