"""`down`: stop and remove what a project consists of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from compose.cli.loading import load_if_there
from compose.cli.parsing.arguments import remove_orphans_option, services_argument
from compose.cli.session import Session, check_services, removes_orphans

if TYPE_CHECKING:
    from compose.model.project import Project
    from compose.plan.observed import Observed
    from compose.plan.steps import Plan


@click.command("down", help="Stop and remove containers and networks")
@services_argument()
@click.option("-v", "--volumes", is_flag=True, help="Remove named and anonymous volumes too")
@remove_orphans_option()
@click.option("-t", "--timeout", "timeout_seconds", type=int, default=None, help="Seconds until containers are killed")
@click.option("--rmi", "images", type=click.Choice(["local", "all"]), default=None, help="Remove images too")
@click.pass_obj
def command(
    session: Session,
    services: tuple[str, ...],
    volumes: bool,
    remove_orphans: bool | None,
    timeout_seconds: int | None,
    images: str | None,
) -> None:
    """Stop and remove the project."""
    from compose.cli.ending import ended
    from compose.model.project import bare_project
    from compose.plan.deciding.teardown import DownOptions, plan_down

    options = DownOptions(
        services=frozenset(services),
        volumes=volumes,
        remove_orphans=removes_orphans(session, remove_orphans),
        images=images or "",
        timeout_seconds=timeout_seconds,
    )
    project = load_if_there(session)
    check_services(project, services)
    name = project.name if project else session.given_name

    def plan_for(observed: Observed) -> Plan:
        return plan_down(name, project, observed, options)

    if not ended(session, "down", project or bare_project(name), plan_for):
        _end(session, project or bare_project(name), plan_for)


def _end(session: Session, project: Project, plan_for: Callable[[Observed], Plan]) -> None:
    """The long way: hooks and providers, far engines, and one that has to be started."""
    from compose.apply.looking.observe import observe
    from compose.apply.stage import Stage
    from compose.cli.asynchronous import run_async
    from compose.cli.carrying_out import carry_out
    from compose.cli.reaching.connection import connected

    async def work() -> None:
        async with connected(session) as engine:
            observed = await observe(engine, project.name)
            await carry_out(session, "down", plan_for(observed), Stage(engine, project, observed), keep_going=True)

    run_async(work)
