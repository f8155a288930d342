"""`images`, `pull`, `push`, `tag`, `rmi`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import aclosing

import click

from compose.cli.engine.asking import (
    ask,
    each,
    filter_option,
    format_option,
    parsed_filters,
    quiet_option,
    show,
    show_lines,
    tell_progress,
)
from compose.cli.parsing.completing import image_names
from compose.cli.session import Session
from compose.render.listings.formats import Columns
from compose.render.template.values import Record
from compose.render.units import go_time, human_duration, human_size
from engine.client import EngineClient
from engine.client.transfers import split_reference
from engine.wire.images import ImageSummary

_COLUMNS = Columns(
    {
        "Repository": "REPOSITORY",
        "Tag": "TAG",
        "Digest": "DIGEST",
        "ID": "IMAGE ID",
        "CreatedSince": "CREATED",
        "CreatedAt": "CREATED AT",
        "Size": "SIZE",
    },
    ("Repository", "Tag", "ID", "CreatedSince", "Size"),
)
_NONE = "<none>"


@click.command("images", help="List images")
@click.argument("reference", default="")
@click.option("-a", "--all", "everything", is_flag=True, help="Also those that only builds made")
@filter_option
@click.option("--no-trunc", is_flag=True, help="In full")
@quiet_option
@format_option
@click.pass_obj
def images_command(  # noqa: PLR0913 - one parameter per option
    session: Session,
    reference: str,
    everything: bool,
    filters: tuple[str, ...],
    no_trunc: bool,
    quiet: bool,
    form: str,
) -> None:
    """Print a line per name."""
    wanted = parsed_filters((*filters, f"reference={reference}") if reference else filters)
    found = ask(session, "listing images", lambda engine: engine.list_images(everything=everything, filters=wanted))
    now = time.time()
    records = [record for item in found for record in _records(item, now, truncate=not no_trunc)]
    if quiet:
        show_lines(dict.fromkeys(str(record.fields["ID"]) for record in records))
    else:
        show(form, records, _COLUMNS)


@click.command("pull", help="Fetch an image")
@click.argument("image", shell_complete=image_names)
@click.option("--platform", default="", metavar="OS/ARCH", help="Of another platform")
@quiet_option
@click.pass_obj
def pull_command(session: Session, image: str, platform: str, quiet: bool) -> None:
    """Pull and print its name."""

    async def act(engine: EngineClient) -> None:
        async with aclosing(engine.pull_image(image, platform=platform)) as lines:
            await tell_progress(lines, quiet=quiet)

    ask(session, f"pulling {image}", act)
    show_lines([image])


@click.command("push", help="Bring an image to its registry")
@click.argument("image", shell_complete=image_names)
@quiet_option
@click.pass_obj
def push_command(session: Session, image: str, quiet: bool) -> None:
    """Push one tag."""

    async def act(engine: EngineClient) -> None:
        async with aclosing(engine.push_image(image)) as lines:
            await tell_progress(lines, quiet=quiet)

    ask(session, f"pushing {image}", act)
    if quiet:
        show_lines([image])


@click.command("tag", help="Give an image one more name")
@click.argument("image", shell_complete=image_names)
@click.argument("name")
@click.pass_obj
def tag_command(session: Session, image: str, name: str) -> None:
    """Name it."""
    repository, tag = split_reference(name)
    ask(session, f"naming {image}", lambda engine: engine.tag_image(image, repository, tag))


@click.command("rmi", help="Remove images")
@click.argument("images", nargs=-1, required=True, shell_complete=image_names)
@click.option("-f", "--force", is_flag=True, help="Also with several names, or used by stopped containers")
@click.pass_obj
def rmi_command(session: Session, images: tuple[str, ...], force: bool) -> None:
    """Remove names, and images with their last name."""
    ask(
        session,
        "removing images",
        lambda engine: each(images, lambda name: engine.remove_image(name, force=force), "removing image"),
    )


def _records(item: ImageSummary, now: float, *, truncate: bool) -> Iterator[Record]:
    digests = {name.partition("@")[0]: name.partition("@")[2] for name in item.repo_digests}
    for name in item.repo_tags or [_NONE]:
        repository, _, tag = name.rpartition(":") if name != _NONE else (_NONE, "", _NONE)
        yield Record(
            {
                "Repository": repository,
                "Tag": tag,
                "Digest": digests.get(repository, _NONE),
                "ID": item.id.removeprefix("sha256:")[:12] if truncate else item.id,
                "CreatedSince": f"{human_duration(now - item.created)} ago",
                "CreatedAt": go_time(item.created),
                "Size": human_size(item.size, 3),
            }
        )
