"""A whole engine without its API, on a state directory of the tests, and a look at what it leaves in the kernel."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.containers.drivers import Drivers
from engine.containers.service import ContainerService
from engine.containers.streams.options import LogOptions
from engine.events.bus import EventBus
from engine.images.store import ImageService
from engine.network.service import NetworkService
from engine.registry.settings import RegistrySettings
from engine.runtime.runtime import Runtime
from engine.state.paths import Paths
from engine.state.store import Store
from engine.storage.snapshots import Snapshots
from engine.volumes.service import VolumeService
from engine.wire.containers import ContainerCreateRequest, Health, HostConfig
from engine.wire.system import EventMessage
from tests.engine.containers.world import World
from tests.fakes.fake_images import FakeImages, FakeSnapshots
from tests.fakes.fake_network import FakeNetworks
from tests.fakes.fake_runtime import FakeRuntime
from tests.fakes.places import apart

REGISTRY = os.environ.get("PYCOMPOSE_TEST_REGISTRY", "http://127.0.0.1:5000")
IMAGE = "alpine:3.20"


@dataclass(slots=True)
class Engine:
    """The services of one engine, as the daemon would put them together."""

    paths: Paths
    events: EventBus
    images: ImageService
    volumes: VolumeService
    networks: NetworkService
    containers: ContainerService
    runtime: Runtime
    seen: list[EventMessage] = field(default_factory=list)
    news: anyio.Event = field(default_factory=anyio.Event)

    async def create(self, *command: str, name: str = "", host: HostConfig | None = None, **config: Any) -> str:
        """Create a container that runs `command`; returns its id."""
        request = ContainerCreateRequest(
            image=IMAGE,
            cmd=list(command) or None,
            host_config=host or HostConfig(),
            **config,
        )
        return (await self.containers.create(name, request)).id

    async def start(self, *command: str, name: str = "", host: HostConfig | None = None, **config: Any) -> str:
        """Create and start a container; returns its id."""
        container = await self.create(*command, name=name, host=host, **config)
        await self.containers.start(container)
        return container

    async def run(self, *command: str, host: HostConfig | None = None, **config: Any) -> tuple[int, str]:
        """Run a container to its end: exit code and output."""
        container = await self.start(*command, host=host, **config)
        status = (await self.containers.wait(container)).status_code
        return status, await self.output(container)

    def health(self, container: str) -> Health:
        """What the probes of a container said."""
        health = self.containers.inspect(container).state.health
        assert isinstance(health, Health)
        return health

    async def output(self, container: str) -> str:
        """What a container has written, both streams."""
        batches = self.containers.logs(container, LogOptions())
        return b"".join([entry.message async for batch in batches for entry in batch]).decode()

    async def until(self, action: str, container: str = "") -> EventMessage:
        """Wait for an event; one that was seen before counts."""
        while True:
            for event in self.seen:
                if event.action == action and container in ("", event.actor.id):
                    return event
            await self.news.wait()

    def actions(self, container: str) -> list[str]:
        """What happened to a container, in order."""
        return [event.action for event in self.seen if event.actor.id == container]

    async def collect(self) -> None:
        """Note every event."""
        with self.events.listen() as stream:
            async for event in stream:
                self.seen.append(event)
                self.news.set()
                self.news = anyio.Event()


Open = Callable[[], AbstractAsyncContextManager[Engine]]


def _compose(paths: Paths, store: Store) -> Engine:
    events = EventBus()
    registries = RegistrySettings.load(()).with_mirrors({"docker.io": (REGISTRY,)})
    images = ImageService(paths, store, events, registries)
    volumes = VolumeService(paths, store, events)
    networks = NetworkService(paths, store, events)
    runtime = Runtime(paths)
    drivers = Drivers(paths, events, images, Snapshots(paths), volumes, networks, runtime)
    containers = ContainerService(store, drivers)
    return Engine(paths, events, images, volumes, networks, containers, runtime)


@asynccontextmanager
async def running(paths: Paths) -> AsyncIterator[Engine]:
    """An engine that runs while the block does. Its containers live on, as after `kill -9`."""
    paths.make()
    store = Store.open(paths.database)
    engine = _compose(paths, store)

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.collect)
            await engine.images.recover()
            await engine.volumes.recover()
            await tasks.start(engine.networks.run)
            await tasks.start(engine.containers.run)
            yield engine
            tasks.cancel_scope.cancel()
    finally:
        engine.runtime.close()
        store.close()


@pytest.fixture(scope="session")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paths]:
    """One state directory for the session, because images are pulled into it."""
    base = apart(tmp_path_factory.getbasetemp(), "engine")
    paths = Paths(root=base / "root", run=base / "run")
    yield paths
    for point in reversed(kernel(paths).mounts):
        subprocess.run(["umount", "-l", point], check=False)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Containers on fakes."""
    paths = Paths(root=tmp_path / "root", run=tmp_path / "run")
    paths.make()
    return World(paths, FakeRuntime(), FakeNetworks(), FakeSnapshots(paths), FakeImages())


@pytest.fixture
async def open_engine(paths: Paths) -> AsyncIterator[Open]:
    """Starts the engine, as often as the test likes; afterwards nothing may be left of its containers."""
    before = kernel(paths)

    def open_it() -> AbstractAsyncContextManager[Engine]:
        return running(paths)

    yield open_it
    async with running(paths) as engine:
        for summary in engine.containers.summaries(everything=True, limit=0, filters={}):
            await engine.containers.remove(summary.id, force=True, volumes=True)
        for volume in engine.volumes.all():
            await engine.volumes.remove(volume.name, force=True, used_by=engine.containers.volume_users)
        for network in engine.networks.all():
            if not network.is_predefined:
                await engine.networks.remove(network.id)
    left = kernel(paths)
    assert left.mounts == before.mounts
    assert left.processes == []
    assert left.cgroups == []
    assert left.namespaces == []
    assert not list(paths.containers.iterdir())


@pytest.fixture
async def engine(open_engine: Open) -> AsyncIterator[Engine]:
    """A running engine with the test image."""
    async with open_engine() as engine:
        if not engine.images.all():
            async for _ in engine.images.pull(IMAGE):
                continue
        yield engine


@dataclass(frozen=True, slots=True)
class Kernel:
    """What an engine has in the kernel."""

    mounts: list[str]
    processes: list[str]
    cgroups: list[str]
    namespaces: list[str]
    links: list[str]


def kernel(paths: Paths) -> Kernel:
    """Look for everything that carries the engine's directories or tag."""
    base = str(paths.root.parent)
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    return Kernel(
        mounts=sorted(line.split()[4] for line in table if line.split()[4].startswith(base)),
        processes=sorted(_processes(base)),
        cgroups=sorted(_cgroups(paths.cgroup)),
        namespaces=sorted(path.name for path in paths.namespaces.glob("*")),
        links=sorted(path.name for path in Path("/sys/class/net").glob(f"pcv{paths.tag}*")),
    )


def _cgroups(parent: str) -> Iterator[str]:
    """Our cgroups in every hierarchy (v1) or in the one (v2), without a look at anybody else's."""
    tops = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()]
    for place in (Path(f"{top}{parent}") for top in tops if top.is_dir()):
        if place.is_dir():
            yield from (str(path) for path in place.iterdir() if path.is_dir())


def _processes(base: str) -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if base in words and int(path.parent.name) != os.getpid():
            yield words
