"""`commit`: make an image of a service's container."""

from __future__ import annotations

import click

from compose.cli.parsing.arguments import service_argument
from compose.cli.session import Session


@click.command("commit", help="Make an image of a service's container")
@service_argument()
@click.argument("reference", required=False, default="", metavar="[REPOSITORY[:TAG]]")
@click.option("-a", "--author", default="", help="Who made the image")
@click.option("-c", "--change", "changes", multiple=True, metavar="LINE", help="Apply an instruction of a Dockerfile")
@click.option("-m", "--message", default="", help="What the image is")
@click.option("-p", "--pause/--no-pause", default=True, help="Let the container stand still meanwhile")
@click.option("--index", type=int, default=0, help="Which container of the service")
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter per option
    session: Session,
    service: str,
    reference: str,
    author: str,
    changes: tuple[str, ...],
    message: str,
    pause: bool,
    index: int,
) -> None:
    """Make the image."""
    from compose.apply.refusals import refusals
    from compose.apply.rehearsal import rehearse_change
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located, one_of
    from compose.cli.terminal import progress
    from compose.plan.images import familiar
    from compose.plan.telling.progress import Phase, Update

    async def work() -> None:
        async with located(session, (service,), one_off=True) as place, progress(session, "commit") as shown:
            found = one_of(place, service, index)
            task = f"commit {found.name}"
            if place.engine.only_reads:
                rehearse_change(found.name, "Committing", "Committed", shown.update, task=task)
                return
            shown.update(Update(found.name, "Committing", Phase.WORKING, task=task))
            repository, _, tag = familiar(reference).rpartition(":") if reference else ("", "", "")
            with refusals(f"committing container {found.name}"):
                image_id = await place.engine.commit_container(
                    found.id,
                    repository=repository,
                    tag=tag,
                    author=author,
                    comment=message,
                    changes=changes,
                    pause=pause,
                )
            shown.update(Update(found.name, f"Committed as {image_id}", task=task))

    run_async(work)
