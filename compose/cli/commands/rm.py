"""`rm`: remove stopped containers."""

from __future__ import annotations

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session


@click.command("rm", help="Remove stopped containers")
@services_argument()
@click.option("-f", "--force", is_flag=True, help="Do not ask")
@click.option("-s", "--stop", is_flag=True, help="Stop them first")
@click.option("-v", "--volumes", is_flag=True, help="Remove their anonymous volumes too")
@click.option("-a", "--all", "everything", is_flag=True, hidden=True)
@click.pass_obj
def command(
    session: Session, services: tuple[str, ...], force: bool, stop: bool, volumes: bool, everything: bool
) -> None:
    """Remove what does not run."""
    from compose.cli.asking import is_agreed_meanwhile
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import carry_out
    from compose.cli.reaching.located import located
    from compose.plan.actions import RemoveContainer
    from compose.plan.deciding.teardown import plan_remove

    async def work() -> None:
        async with located(session, services, one_off=True) as place:
            plan = plan_remove(place.containers, stop=stop, volumes=volumes)
            names = [step.action.container for step in plan.steps if isinstance(step.action, RemoveContainer)]
            if not names:
                click.echo("No stopped containers", err=True)
                return
            click.echo(f"Going to remove {', '.join(names)}")
            if force or await is_agreed_meanwhile("Are you sure?"):
                await carry_out(session, "rm", plan, place.stage, keep_going=True)

    run_async(work)
