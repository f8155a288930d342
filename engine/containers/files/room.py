"""A container's file system at hand, whether the container runs or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from engine.containers.container import Container
from engine.containers.drivers import Drivers


@asynccontextmanager
async def mounted(drivers: Drivers, container: Container) -> AsyncIterator[Path]:
    """The root of a container's own files, without its volumes, while the block lasts. One that does not run is kept
    from starting and from being removed meanwhile.
    """
    if container.is_alive:
        yield await drivers.snapshots.mount(container.id)
        return
    async with container.lock:
        root = await drivers.snapshots.mount(container.id)
        try:
            yield root
        finally:
            if not container.is_alive:
                with anyio.CancelScope(shield=True):
                    await drivers.snapshots.unmount(container.id)
