"""Services without an engine behind them: enough state for the API's routes and for the `docker` CLI to talk to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from anyio.abc import ByteStream

from engine.api.identity import Identity
from engine.api.services import Services
from engine.builder.order import BuildOrder
from engine.builder.usage import Bounds, CacheUsage
from engine.errors import Conflict, NoSuchNetwork, NoSuchVolume
from engine.events.bus import EventBus
from engine.state.names import find, new_id
from engine.wire.images import ImageSummary, Progress
from engine.wire.networks import NetworkCreateRequest, NetworkCreateResponse, NetworkInspect
from engine.wire.summaries import ContainerSummary
from engine.wire.system import SystemInfo, SystemVersion, VersionComponent, VersionPlatform
from engine.wire.volumes import Volume, VolumeCreateRequest
from tests.fakes.containers import FakeContainers
from tests.fakes.images import CREATED, NOW_NS, FakeImages, Runs


class FakeNetworks(Runs):
    """`NetworkJobs` in memory; its records are what it answers."""

    def __init__(self) -> None:
        self.known = [NetworkInspect(name="bridge", id=new_id(), created=CREATED)]

    def get(self, name_or_id: str) -> NetworkInspect:
        network = find(self.known, name_or_id)
        if network is None:
            raise NoSuchNetwork(name_or_id)
        return network

    def all(self) -> list[NetworkInspect]:
        return list(self.known)

    def inspect(self, record: NetworkInspect) -> NetworkInspect:
        return record

    async def create(self, request: NetworkCreateRequest) -> NetworkCreateResponse:
        if any(network.name == request.name for network in self.known):
            raise Conflict(f"network with name {request.name} already exists")
        network = NetworkInspect(
            name=request.name, id=new_id(), created=CREATED, driver=request.driver, labels=request.labels
        )
        self.known.append(network)
        return NetworkCreateResponse(id=network.id)

    async def remove(self, name_or_id: str) -> None:
        self.known.remove(self.get(name_or_id))

    async def prune(self, unused: Callable[[NetworkInspect], bool]) -> list[str]:
        gone = [network for network in self.known if unused(network)]
        self.known = [network for network in self.known if network not in gone]
        return [network.name for network in gone]


class FakeVolumes:
    """`VolumeJobs` in memory."""

    def __init__(self) -> None:
        self.known: dict[str, Volume] = {}

    async def recover(self) -> None:
        return

    async def size(self, name: str) -> int:
        return len(self.get(name).name)

    async def create(self, request: VolumeCreateRequest) -> Volume:
        name = request.name or new_id()
        volume = Volume(name=name, mountpoint=f"/volumes/{name}/_data", labels=request.labels, created_at=CREATED)
        return self.known.setdefault(name, volume)

    def get(self, name: str) -> Volume:
        if name not in self.known:
            raise NoSuchVolume(name)
        return self.known[name]

    def all(self) -> list[Volume]:
        return list(self.known.values())

    async def remove(self, name: str, *, force: bool, used_by: Callable[[str], Sequence[str]]) -> None:
        self.get(name)
        if used_by(name):
            raise Conflict(f"remove {name}: volume is in use")
        del self.known[name]


class FakeReady:
    """A build that says one line."""

    async def lines(self) -> AsyncGenerator[Progress, None]:
        yield Progress(stream="Successfully built 0123456789ab\n")


class FakeBuilder(Runs):
    """`BuildJobs` that build nothing and remember what they were asked for."""

    def __init__(self) -> None:
        self.orders: list[BuildOrder] = []
        self.contexts: list[bytes] = []
        self.cancelled: list[str] = []
        self.bounds = Bounds()
        self.cached: list[CacheUsage] = []

    async def receive(self, order: BuildOrder, chunks: AsyncIterator[bytes], *, build_id: str = "") -> FakeReady:
        self.orders.append(order)
        self.contexts.append(b"".join([chunk async for chunk in chunks]))
        return FakeReady()

    async def check(self, order: BuildOrder, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Progress, None]:
        self.orders.append(order)
        self.contexts.append(b"".join([chunk async for chunk in chunks]))
        yield Progress(stream="Dockerfile:1: Rule: message\n")

    def cancel(self, build_id: str) -> None:
        self.cancelled.append(build_id)

    async def usage(self) -> list[CacheUsage]:
        return self.cached

    async def prune(
        self, wanted: Callable[[CacheUsage], bool], *, bounds: Bounds, everything: bool = False
    ) -> tuple[list[str], int]:
        self.bounds = bounds
        gone = [item for item in self.cached if wanted(item) and (everything or not item.is_shared)]
        self.cached = [item for item in self.cached if item not in gone]
        return [item.id for item in gone], sum(item.size_bytes for item in gone)


class FakeBuildKit:
    """`BuildKitJobs` that hang up at once; `sessions` are the ids of those that came."""

    def __init__(self) -> None:
        self.sessions: list[str] = []

    async def serve(self, stream: ByteStream) -> None:
        await stream.aclose()

    async def keep_session(self, identity: str, stream: ByteStream, directories: str) -> None:
        self.sessions.append(identity)
        await stream.aclose()

    async def check_session(self, identity: str) -> None:
        if identity in self.sessions:
            raise Conflict(f"session {identity} already exists")


class FakeSystem:
    """`SystemFacts` that never change."""

    version_text = "9.9.9"

    def __init__(self) -> None:
        self.identity = Identity(version=self.version_text, engine_id="fake")

    async def info(self) -> SystemInfo:
        return SystemInfo(id="fake", name="fake", server_version=self.version_text, warnings=[])

    async def version(self) -> SystemVersion:
        return SystemVersion(
            platform=VersionPlatform(name="fake engine"),
            components=[VersionComponent(name="Engine", version=self.version_text)],
            version=self.version_text,
        )

    async def images_usage(self) -> tuple[int, list[ImageSummary]]:
        return 0, []

    async def containers_usage(self) -> list[ContainerSummary]:
        return []


@dataclass(frozen=True, slots=True)
class FakeEngine:
    """The fakes, each by its own type."""

    containers: FakeContainers
    images: FakeImages
    builder: FakeBuilder
    buildkit: FakeBuildKit
    networks: FakeNetworks
    volumes: FakeVolumes
    events: EventBus
    system: FakeSystem

    @property
    def services(self) -> Services:
        """As the API takes them."""
        return Services(
            containers=self.containers,
            images=self.images,
            builder=self.builder,
            buildkit=self.buildkit,
            networks=self.networks,
            volumes=self.volumes,
            events=self.events,
            system=self.system,
        )


def fake_engine() -> FakeEngine:
    """An engine with the image `busybox:latest`, the network `bridge` and nothing else."""
    events = EventBus(clock=lambda: NOW_NS)
    images = FakeImages()
    return FakeEngine(
        containers=FakeContainers(events, images),
        images=images,
        builder=FakeBuilder(),
        buildkit=FakeBuildKit(),
        networks=FakeNetworks(),
        volumes=FakeVolumes(),
        events=events,
        system=FakeSystem(),
    )
