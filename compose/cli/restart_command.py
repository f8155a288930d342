"""`restart`: stop and start containers as they are."""

from __future__ import annotations

from functools import partial

import click

from compose.cli.session import Session


@click.command("restart", help="Restart containers")
@click.argument("services", nargs=-1, metavar="[SERVICE...]")
@click.option("-t", "--timeout", "timeout_seconds", type=int, default=None, help="Seconds until containers are killed")
@click.option("--no-deps", is_flag=True, help="Leave dependants alone")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], timeout_seconds: int | None, no_deps: bool) -> None:
    """Restart the containers, and those that depend on them with `restart: true`."""
    from compose.apply.parallel import all_of
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.located import located, project_or_name
    from compose.cli.terminal import progress
    from compose.errors import ComposeError
    from compose.plan.observed import ObservedContainer
    from compose.plan.progress import Phase, Update

    names = services
    if services and not no_deps:
        project = project_or_name(session, services)
        names += tuple(
            service.name
            for service in project.services.values()
            if service.name not in services
            and any(name in services and wish.restart for name, wish in service.depends_on.items())
        )

    async def work() -> None:
        async with located(session, names) as place, progress(session, "restart") as shown:
            if not place.containers:
                raise ComposeError("no container to restart", hint="`pycompose up` creates them")

            async def restart(item: ObservedContainer) -> None:
                shown.update(Update(f"Container {item.name}", "Restarting", Phase.WORKING))
                with refusals(f"restarting container {item.name}"):
                    await place.engine.restart_container(item.id, timeout_seconds=timeout_seconds)
                shown.update(Update(f"Container {item.name}", "Started"))

            await all_of([partial(restart, item) for item in place.containers])

    run_async(work)
