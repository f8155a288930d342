"""Containers on fakes: one engine after another in one world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel

from engine.containers.drivers import Drivers
from engine.containers.service import ContainerService
from engine.events.bus import EventBus
from engine.state.paths import Paths
from engine.state.store import Store
from engine.volumes.service import VolumeService
from engine.wire.containers import ContainerCreateRequest, HostConfig
from engine.wire.system import EventMessage
from tests.fakes.fake_images import FakeImages, FakeSnapshots
from tests.fakes.fake_network import FakeNetworks
from tests.fakes.fake_runtime import FakeRuntime


@dataclass(slots=True)
class World:
    """One engine's containers on fakes; the fakes outlive the service, as the kernel does. `stop` ends the engine that
    runs now before its block is over.
    """

    paths: Paths
    runtime: FakeRuntime
    networks: FakeNetworks
    snapshots: FakeSnapshots
    images: FakeImages
    events: list[EventMessage] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[ContainerService]:
        """A service that runs while the block does."""
        store, bus = Store.open(self.paths.database), EventBus()
        volumes = VolumeService(self.paths, store, bus)
        drivers = Drivers(self.paths, bus, self.images, self.snapshots, volumes, self.networks, self.runtime)
        service = ContainerService(store, drivers)
        with bus.listen() as stream:
            async with anyio.create_task_group() as tasks:
                await tasks.start(service.run)
                self.stop = tasks.cancel_scope.cancel
                yield service
                self.events += _waiting(stream)
                tasks.cancel_scope.cancel()
        store.close()

    def actions(self, container: str) -> list[str]:
        return [event.action for event in self.events if event.actor.id == container]

    def holds_nothing(self) -> bool:
        return not (self.runtime.processes or self.networks.sandboxes or self.snapshots.mounted)


def _waiting(stream: anyio.abc.ObjectReceiveStream[EventMessage]) -> list[EventMessage]:
    found = []
    while True:
        try:
            found.append(stream.receive_nowait())  # type: ignore[attr-defined] # a memory stream
        except anyio.WouldBlock:
            return found


def request(**host: object) -> ContainerCreateRequest:
    """What asks for a container with these settings of its host."""
    return ContainerCreateRequest(image="alpine", host_config=HostConfig(**host))  # type: ignore[arg-type] # by name
