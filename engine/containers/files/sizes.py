"""How much of the disk containers take (`docker ps --size`)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.errors import NotFound


class Sizes(Struct, frozen=True):
    """Bytes: what the container wrote, and that together with its image's files."""

    written_bytes: int
    all_bytes: int


async def sizes(drivers: Drivers, containers: Iterable[Container]) -> dict[str, Sizes]:
    """The sizes of containers by id."""
    found = {}
    for container in containers:
        written = await drivers.snapshots.size(container.id)
        found[container.id] = Sizes(written, written + _image_bytes(drivers, container))
    return found


def _image_bytes(drivers: Drivers, container: Container) -> int:
    try:
        return drivers.images.get(container.record.image_id).size
    except NotFound:
        return 0  # removed by force
