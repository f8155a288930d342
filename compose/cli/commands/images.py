"""`images`: list the images of the project's containers."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session

_NEVER = "0001-"  # the year of Go's zero time

if TYPE_CHECKING:
    from compose.plan.observed import ObservedContainer
    from engine.wire.images import ImageInspect


@click.command("images", help="List the images of the project's containers")
@services_argument()
@click.option("-q", "--quiet", is_flag=True, help="Only ids")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", help="Output format")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], quiet: bool, style: str) -> None:
    """Print one line per container."""
    from compose.apply.refusals import refusals
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.located import located
    from compose.render.tables import COMPOSE_NARROWEST, table

    async def work() -> list[tuple[ObservedContainer, ImageInspect]]:
        async with located(session, services, only_looks=True) as place:
            with refusals("looking at the images"):
                return [(item, await place.engine.inspect_image(item.image_id)) for item in place.containers]

    found = run_async(work)
    if quiet:
        identities = dict.fromkeys(image.id.removeprefix("sha256:") for _, image in found)
        text = "".join(f"{identity}\n" for identity in identities)
    elif style == "json":
        text = json.dumps([_record(item, image) for item, image in found], separators=(",", ":")) + "\n"
    else:
        header = ("CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED")
        text = table(header, [_row(item, image) for item, image in found], narrowest=COMPOSE_NARROWEST)
    sys.stdout.write(text)


def _record(item: ObservedContainer, image: ImageInspect) -> dict[str, object]:
    repository, tag = _name(item)
    return {
        "ID": image.id,
        "ContainerName": item.name,
        "Repository": repository,
        "Tag": tag,
        "Platform": f"{image.os}/{image.architecture}",
        "Size": image.size,
        "LastTagTime": _named_at(image),
    }


def _row(item: ObservedContainer, image: ImageInspect) -> tuple[str, ...]:
    from compose.render.units import human_duration, human_size
    from engine.wire.times import parse_time

    repository, tag = _name(item)
    identity = image.id.removeprefix("sha256:")[:12]
    platform = f"{image.os}/{image.architecture}"
    named_at = _named_at(image)
    age = time.time() - parse_time(named_at) / 1e9 if named_at else None
    created = "N/A" if age is None else f"{human_duration(age)} ago"
    return (item.name, repository, tag, platform, identity, human_size(image.size, 3), created)


def _named_at(image: ImageInspect) -> str:
    """When the image got its name on this engine, else when it was made."""
    named_at = image.metadata.get("LastTagTime", "")
    return image.created if named_at.startswith(_NEVER) or not named_at else named_at


def _name(item: ObservedContainer) -> tuple[str, str]:
    from compose.plan.images import familiar

    name = familiar(item.image)
    repository, _, tag = name.partition("@") if "@" in name else name.rpartition(":")
    return repository, tag
