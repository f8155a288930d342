"""Services without an engine behind them: enough state for the API's routes and for the `docker` CLI to talk to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.api.services import Services
from engine.errors import Conflict, NoSuchNetwork, NoSuchVolume
from engine.events.bus import EventBus
from engine.state.names import find, new_id
from engine.wire.networks import NetworkCreateRequest, NetworkCreateResponse, NetworkInspect
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


class FakeSystem:
    """`SystemFacts` that never change."""

    version_text = "9.9.9"

    async def info(self) -> SystemInfo:
        return SystemInfo(id="fake", name="fake", server_version=self.version_text, warnings=[])

    async def version(self) -> SystemVersion:
        return SystemVersion(
            platform=VersionPlatform(name="fake engine"),
            components=[VersionComponent(name="Engine", version=self.version_text)],
            version=self.version_text,
        )

    async def disk_usage(self) -> dict[str, Any]:
        return {"LayersSize": 0, "Images": [], "Containers": [], "BuildCache": []}


@dataclass(frozen=True, slots=True)
class FakeEngine:
    """The fakes, each by its own type."""

    containers: FakeContainers
    images: FakeImages
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
            networks=self.networks,
            volumes=self.volumes,
            events=self.events,
            system=self.system,
        )


def fake_engine() -> FakeEngine:
    """An engine with the image `busybox:latest`, the network `bridge` and nothing else."""
    events = EventBus(clock=lambda: NOW_NS)
    images = FakeImages()
    return FakeEngine(FakeContainers(events, images), images, FakeNetworks(), FakeVolumes(), events, FakeSystem())
