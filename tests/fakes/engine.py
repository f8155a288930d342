"""An engine in memory with the client's interface, for tests of what drives an engine.

Containers run until a test ends them; `on_start` may end them at once or change their health. What it does not
model (namespaces, files, addresses) is not asked for by its users.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream

from engine.client import ApiError, EngineClient
from engine.wire.containers import (
    ContainerCreateRequest,
    ContainerCreateResponse,
    ContainerInspect,
    ExecCreateRequest,
    ExecInspect,
    ExecProcessConfig,
    ExecStartRequest,
)
from engine.wire.images import DistributionDescriptor, DistributionInspect, ImageInspect, ImageSummary, Progress
from engine.wire.networks import NetworkCreateRequest, NetworkCreateResponse, NetworkInspect
from engine.wire.summaries import ContainerSummary
from engine.wire.system import EventActor, EventMessage, SystemInfo
from engine.wire.volumes import Volume, VolumeCreateRequest
from tests.fakes.engine_container import FakeContainer, FakeExec

T = TypeVar("T")


@dataclass
class FakeEngine:
    """The engine. `calls` lists what was changed, in order; `refusals` makes a call fail: "start db" -> message, and
    `warnings` has "create db" or "create network app_default" answered with one.
    `exit_codes` are those of processes run by exec, by their command. `gates` hold pulls up until they are set:
    "pull big:1" before the registry's answer, "layers big:1" after it."""

    images: dict[str, str] = field(default_factory=dict)
    registry: dict[str, str] = field(default_factory=dict)
    networks: dict[str, NetworkInspect] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    containers: dict[str, FakeContainer] = field(default_factory=dict)
    anonymous_volumes: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    exit_codes: dict[str, int] = field(default_factory=dict)
    gates: dict[str, anyio.Event] = field(default_factory=dict)
    on_start: Callable[[FakeContainer], None] = lambda container: None
    turns: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(math.inf))
    most_at_once: int = 0  # the most turns that were taken at the same time
    address: str = "tcp://elsewhere:2376"
    _listeners: list[MemoryObjectSendStream[EventMessage]] = field(default_factory=list)
    _count: int = 0

    @property
    def client(self) -> EngineClient:
        """The same, under the type that its users expect."""
        return cast("EngineClient", self)

    def tasks(self) -> TaskGroup:
        """As the client's."""
        return anyio.create_task_group()

    def shielded(self) -> anyio.CancelScope:
        """As the client's."""
        return anyio.CancelScope(shield=True)

    async def aside(self, work: Callable[..., T], *arguments: object) -> T:
        """As the client's, without a thread."""
        return work(*arguments)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One of `turns`, counted."""
        async with self.turns:
            self.most_at_once = max(self.most_at_once, self.turns.statistics().borrowed_tokens)
            yield

    def named(self, name: str) -> FakeContainer:
        """The container with that name or id; `ApiError` 404."""
        for item in self.containers.values():
            if name in (item.name, item.id):
                return item
        raise ApiError(404, f"No such container: {name}")

    def write(self, name: str, data: bytes, stream: int = 1) -> None:
        """Let a container write something."""
        self.named(name).write(data, stream)

    def exit(self, name: str, code: int = 0) -> None:
        """End a container's process."""
        container = self.named(name)
        container.end(code)
        self._publish(container, "die", {"exitCode": str(code)})

    def set_health(self, name: str, health: str, output: str = "") -> None:
        """Let a container's health change."""
        container = self.named(name)
        container.health, container.probe_output = health, output
        self._publish(container, f"health_status: {health}", {})

    async def list_containers(
        self, *, everything: bool = False, filters: Mapping[str, Iterable[str]] | None = None
    ) -> list[ContainerSummary]:
        wanted = [text.partition("=") for text in (filters or {}).get("label", [])]
        return [
            item.summary()
            for item in self.containers.values()
            if (everything or item.status == "running")
            and all(
                key in item.request.labels and (not equals or item.request.labels[key] == value)
                for key, equals, value in wanted
            )
        ]

    async def inspect_container(self, container: str) -> ContainerInspect:
        return self.named(container).inspect()

    async def create_container(
        self, name: str, request: ContainerCreateRequest, *, platform: str = ""
    ) -> ContainerCreateResponse:
        self._call(f"create {name}")
        if any(item.name == name for item in self.containers.values()):
            raise ApiError(409, f'Conflict. The container name "/{name}" is already in use')
        if request.image not in self.images:
            raise ApiError(404, f"No such image: {request.image}")
        item = FakeContainer(self._new_id(), name, request, self.images[request.image])
        item.health = "starting" if request.healthcheck and request.healthcheck.test != ["NONE"] else ""
        for network in request.networking_config.endpoints_config:
            if network in self.networks:
                item.networks[network] = self.networks[network].id
        for mount in request.host_config.mounts:
            if mount.type == "volume" and not mount.source:
                item.anonymous[mount.target] = self._new_id()
        self.anonymous_volumes |= set(item.anonymous.values())
        self.containers[item.id] = item
        self._publish(item, "create", {})
        warning = self.warnings.get(f"create {name}")
        return ContainerCreateResponse(id=item.id, warnings=[warning] if warning else [])

    async def start_container(self, container: str) -> None:
        item = self.named(container)
        self._call(f"start {item.name}")
        for name, identity in item.networks.items():
            if identity and identity != (self.networks[name].id if name in self.networks else ""):
                raise ApiError(404, f"failed to set up container networking: network {identity} not found")
        item.status = "running"
        self._publish(item, "start", {})
        self.on_start(item)

    async def stop_container(self, container: str, *, timeout_seconds: int | None = None) -> None:
        item = self.named(container)
        self._call(f"stop {item.name}")
        self.exit(item.id, 143)

    async def restart_container(self, container: str, *, timeout_seconds: int | None = None) -> None:
        item = self.named(container)
        self._call(f"restart {item.name}")
        if item.status == "running":
            self.exit(item.id, 143)
        item.status = "running"
        self._publish(item, "start", {})
        self.on_start(item)

    async def kill_container(self, container: str, signal: str = "SIGKILL") -> None:
        item = self.named(container)
        self._call(f"kill {item.name} {signal}")
        self.exit(item.id, 137)

    async def remove_container(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        item = self.named(container)
        self._call(f"remove {item.name}")
        del self.containers[item.id]
        if volumes:
            self.anonymous_volumes -= set(item.anonymous.values())
        self._publish(item, "destroy", {})

    async def rename_container(self, container: str, name: str) -> None:
        item = self.named(container)
        self._call(f"rename {item.name} {name}")
        item.name = name

    async def create_exec(self, container: str, request: ExecCreateRequest) -> str:
        self._call(f"exec in {self.named(container).name}: {' '.join(request.cmd)}")
        return " ".join(request.cmd)

    async def start_exec(self, exec_id: str, request: ExecStartRequest) -> FakeExec:
        return FakeExec([(1, b"said " + exec_id.encode())])

    async def inspect_exec(self, exec_id: str) -> ExecInspect:
        code = self.exit_codes.get(exec_id, 0)
        return ExecInspect(id=exec_id, exit_code=code, process_config=ExecProcessConfig(), container_id="")

    async def put_archive(self, container: str, path: str, tar: bytes) -> None:
        self._call(f"put files into {self.named(container).name}")
        self.named(container).files.append(tar)

    async def container_logs(
        self,
        container: str,
        *,
        tty: bool,
        follow: bool = False,
        tail: str = "all",
        since: str = "",
        until: str = "",
        timestamps: bool = False,
    ) -> AsyncIterator[tuple[int, bytes]]:
        item = self.named(container)
        async for chunk in item.read_log(item.first_chunk(tail, since), follow=follow and not until):
            yield chunk

    async def info(self) -> SystemInfo:
        return SystemInfo(docker_root_dir="/")

    async def list_images(self) -> list[ImageSummary]:
        return [ImageSummary(id=image_id, repo_tags=[name]) for name, image_id in self.images.items()]

    async def inspect_image(self, name: str) -> ImageInspect:
        if name not in self.images:
            raise ApiError(404, f"No such image: {name}")
        return ImageInspect(id=self.images[name])

    async def inspect_distribution(self, reference: str) -> DistributionInspect:
        self._call(f"look up {reference}")
        if reference not in self.registry:
            raise ApiError(404, f"manifest for {reference} not found")
        descriptor = DistributionDescriptor(media_type="", digest=self.registry[reference], size=1)
        return DistributionInspect(descriptor=descriptor)

    async def pull_image(self, reference: str, *, platform: str = "") -> AsyncIterator[Progress]:
        self._call(f"pull {reference}")
        if f"pull {reference}" in self.gates:
            await self.gates[f"pull {reference}"].wait()
        if reference not in self.registry:
            raise ApiError(404, f"manifest for {reference} not found")
        yield Progress(id="layer", status="Pulling fs layer")
        if f"layers {reference}" in self.gates:
            await self.gates[f"layers {reference}"].wait()
        self.images[reference] = self.registry[reference]
        yield Progress(id="layer", status="Pull complete")

    async def remove_image(self, name: str) -> None:
        self._call(f"remove image {name}")
        del self.images[name]

    async def list_networks(self) -> list[NetworkInspect]:
        return list(self.networks.values())

    async def create_network(self, request: NetworkCreateRequest) -> NetworkCreateResponse:
        self._call(f"create network {request.name}")
        if request.name in self.networks:
            raise ApiError(409, f"network with name {request.name} already exists")
        found = NetworkInspect(name=request.name, id=self._new_id(), created="", labels=request.labels)
        self.networks[request.name] = found
        return NetworkCreateResponse(id=found.id, warning=self.warnings.get(f"create network {request.name}", ""))

    async def remove_network(self, network: str) -> None:
        self._call(f"remove network {network}")
        if any(network in item.networks for item in self.containers.values() if item.status == "running"):
            raise ApiError(403, f"network {network} has active endpoints")
        del self.networks[network]

    async def disconnect_network(self, network: str, container: str, *, force: bool = False) -> None:
        item = self.named(container)
        self._call(f"disconnect {item.name} from {network}")
        del item.networks[network]

    async def list_volumes(self) -> list[Volume]:
        return list(self.volumes.values())

    async def create_volume(self, request: VolumeCreateRequest) -> Volume:
        self._call(f"create volume {request.name}")
        self.volumes[request.name] = Volume(name=request.name, labels=request.labels)
        return self.volumes[request.name]

    async def remove_volume(self, name: str, *, force: bool = False) -> None:
        self._call(f"remove volume {name}")
        if name not in self.volumes and name not in self.anonymous_volumes:
            raise ApiError(404, f"get {name}: no such volume")
        self.volumes.pop(name, None)
        self.anonymous_volumes.discard(name)

    @asynccontextmanager
    async def listening(
        self, *, filters: Mapping[str, Iterable[str]] | None = None, since: str = "", until: str = ""
    ) -> AsyncIterator[AsyncIterator[EventMessage]]:
        send, receive = anyio.create_memory_object_stream[EventMessage](1000)
        actions = set((filters or {}).get("event", []))

        async def events() -> AsyncIterator[EventMessage]:
            async for event in receive:
                if not actions or event.action in actions:
                    yield event

        self._listeners.append(send)
        try:
            with send, receive:
                yield events()
        finally:
            self._listeners.remove(send)

    def _call(self, what: str) -> None:
        self.calls.append(what)
        for key, (status, message) in self.refusals.items():
            if what.startswith(key):
                raise ApiError(status, message)

    def _new_id(self) -> str:
        self._count += 1
        return f"{self._count:012x}".ljust(64, "0")  # told apart by their short forms, too

    def _publish(self, container: FakeContainer, action: str, attributes: dict[str, str]) -> None:
        actor = EventActor(
            id=container.id, attributes={**container.request.labels, "name": container.name, **attributes}
        )
        for listener in self._listeners:
            listener.send_nowait(EventMessage(type="container", action=action, actor=actor))
