"""What a start from a checkpoint needs beside what every start needs."""

from __future__ import annotations

from pathlib import Path

from engine.containers.checkpoints import keeping
from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.kernel.threads import lengthy


class Restorer:
    """Finds checkpoints for containers that are to go on from them."""

    def __init__(self, drivers: Drivers) -> None:
        self._drivers = drivers

    async def find(self, container: Container, name: str, directory: str) -> Path:
        """The directory of CRIU's files. The container's next addresses will be those in the checkpoint, if they are
        free: a process may have been bound to one.

        Raises `EngineError` if there is no such checkpoint, `Unavailable` where CRIU does not work.
        """
        root = keeping.root_of(self._drivers.paths.containers / container.id, directory)
        path = await lengthy(keeping.existing, root, name, container.name)
        await self._drivers.runtime.require_checkpoints(container.record.host_config.runtime)
        self._drivers.networks.remember_addresses(container.id, await lengthy(keeping.addresses_in, path))
        return path
