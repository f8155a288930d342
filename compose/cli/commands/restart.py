"""`restart`: stop and start containers as they are."""

from __future__ import annotations

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session


@click.command("restart", help="Restart containers")
@services_argument()
@click.option("-t", "--timeout", "timeout_seconds", type=int, default=None, help="Seconds until containers are killed")
@click.option("--no-deps", is_flag=True, help="Leave dependants alone")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], timeout_seconds: int | None, no_deps: bool) -> None:
    """Restart the containers, and those that depend on them with `restart: true`."""
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import carry_out
    from compose.cli.reaching.located import located, project_or_name
    from compose.plan.deciding.restarting import dependants_to_restart, plan_restart

    names = services
    if services and not no_deps:
        names += dependants_to_restart(project_or_name(session, services), services)

    async def work() -> None:
        async with located(session, names) as place:
            if not place.containers:
                click.echo("no container to restart", err=True)
                return
            plan = plan_restart(place.project, place.containers, timeout_seconds)
            await carry_out(session, "restart", plan, place.stage)

    run_async(work)
