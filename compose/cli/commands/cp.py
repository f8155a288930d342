"""`cp`: copy files between this machine and the containers of a service."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from compose.cli.session import Session
from compose.errors import ComposeError, UsageError

if TYPE_CHECKING:
    from compose.apply.copying.transfer import CopyOptions
    from compose.cli.reaching.located import Located
    from compose.plan.observed import ObservedContainer

_STDIO = "-"


@click.command(
    "cp", help="Copy files out of and into containers: SERVICE:PATH LOCAL, or LOCAL SERVICE:PATH; - is a tar"
)
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("-a", "--archive", "keeps_owners", is_flag=True, help="Keep the owners of files")
@click.option("-L", "--follow-link", "follows_link", is_flag=True, help="Of a symlink copy what it points to")
@click.option("--all", "with_one_off", is_flag=True, help="Into the containers of `run`, too")
@click.option("--index", type=int, default=0, help="Which container of the service")
@click.pass_obj
def command(  # noqa: PLR0913 - one parameter per option
    session: Session,
    source: str,
    target: str,
    keeps_owners: bool,
    follows_link: bool,
    with_one_off: bool,
    index: int,
) -> None:
    """Copy out of the first container, or into all of them."""
    from compose.apply.copying.transfer import CopyOptions
    from compose.apply.parallel import all_of
    from compose.apply.rehearsal import rehearse_change
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located
    from compose.cli.terminal import progress
    from compose.plan.telling.progress import Phase, Update

    (from_service, source_path), (to_service, target_path) = split_path(source), split_path(target)
    service = from_service or to_service
    if bool(from_service) == bool(to_service):
        problem = "cannot copy from one service to another" if service else "neither of the two is in a service"
        raise UsageError(problem, hint="write SERVICE:PATH for one of them, and a path of this machine for the other")
    options = CopyOptions(follows_link=follows_link, keeps_owners=keeps_owners)

    async def work() -> None:
        async with located(session, (service,), one_off=with_one_off) as place, progress(session, "cp") as shown:

            async def copy(item: ObservedContainer) -> None:
                inside = f"{item.name}:{target_path if to_service else source_path}"
                task = f"copy {source_path} to {inside}" if to_service else f"copy {inside} to {target_path}"
                if place.engine.only_reads:
                    rehearse_change(item.name, "Copying", "Copied", shown.update, task=task)
                    return
                shown.update(Update(item.name, "Copying", Phase.WORKING, task=task))
                if to_service:
                    await _into(place, item, source_path, target_path, options)
                else:
                    await _out_of(place, item, source_path, target_path, options)
                shown.update(Update(item.name, "Copied", task=task))

            chosen = _chosen(place, service, index)
            await all_of([partial(copy, item) for item in (chosen if to_service else chosen[:1])])

    run_async(work)


def split_path(text: str) -> tuple[str, str]:
    """`SERVICE:PATH` as both, a path of this machine with an empty service. A file may have a `:` behind a `./`."""
    service, colon, path = text.partition(":")
    if not colon or service.startswith((".", "/")):
        return "", text
    return service, path


def _chosen(place: Located, service: str, index: int) -> list[ObservedContainer]:
    found = sorted(
        (item for item in place.containers if not index or item.number == index), key=lambda item: item.number
    )
    if not found:
        which = f" #{index}" if index else ""
        raise ComposeError(
            f'service "{service}" has no container{which}', hint=f"`pycompose create {service}` makes it"
        )
    return found


async def _into(place: Located, item: ObservedContainer, source: str, path: str, options: CopyOptions) -> None:
    from compose.apply.copying.transfer import copy_in, put_in
    from compose.cli.running.stdio import input_chunks

    if source == _STDIO:
        await put_in(place.engine, item.id, input_chunks(), path, options)
    else:
        await copy_in(place.engine, item.id, source, path, options)


async def _out_of(place: Located, item: ObservedContainer, path: str, target: str, options: CopyOptions) -> None:
    from compose.apply.copying.transfer import copy_out, take_out
    from compose.cli.terminal import write_output

    if target != _STDIO:
        await copy_out(place.engine, item.id, path, target, options)
        return
    if sys.stdout.isatty():
        raise UsageError(
            "an archive would not be readable on a terminal", hint="give a file or directory, or redirect the output"
        )
    await take_out(place.engine, item.id, path, write_output, options)
