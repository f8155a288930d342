"""`docker export`: a container's files as one archive."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.files.room import mounted
from engine.containers.life.lifecycle import Status
from engine.errors import Conflict
from engine.storage.pack import pack
from engine.storage.streaming import Write, streamed


async def export(drivers: Drivers, container: Container) -> AsyncGenerator[bytes, None]:
    """A tar archive of everything that a container has, but for its volumes. Raises `Conflict` for a dead one."""
    if container.status in (Status.DEAD, Status.REMOVING):
        raise Conflict(f"You cannot export container {container.id} which is {container.status.value.capitalize()}")

    async with mounted(drivers, container) as root:

        def produce(write: Write) -> None:
            pack(root, write, is_upper=False)

        async with aclosing(streamed(produce)) as chunks:
            async for chunk in chunks:
                yield chunk
