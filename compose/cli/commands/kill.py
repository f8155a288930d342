"""`kill`: send a signal to containers."""

from __future__ import annotations

import click

from compose.cli.parsing.arguments import remove_orphans_option, services_argument
from compose.cli.session import Session, removes_orphans


@click.command("kill", help="Send a signal to containers")
@services_argument()
@click.option("-s", "--signal", default="SIGKILL", help="Which signal")
@remove_orphans_option()
@click.pass_obj
def command(session: Session, services: tuple[str, ...], signal: str, remove_orphans: bool | None) -> None:
    """Signal what runs."""
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import carry_out
    from compose.cli.reaching.located import located
    from compose.plan.deciding.teardown import plan_kill

    async def work() -> None:
        async with located(session, services, one_off=True) as place:
            known = {*place.project.services, *services} if place.project.services else set[str]()
            everything = not known or removes_orphans(session, remove_orphans)
            plan = plan_kill([item for item in place.containers if everything or item.service in known], signal)
            if not plan:
                click.echo("no container to kill", err=True)
                return
            await carry_out(session, "kill", plan, place.stage, keep_going=True)

    run_async(work)
