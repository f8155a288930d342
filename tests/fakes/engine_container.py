"""What a `FakeEngine` has of one container: its state, its log, and how the API shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import anyio
from msgspec import UNSET

from engine.wire.containers import (
    ContainerConfig,
    ContainerCreateRequest,
    ContainerInspect,
    ContainerState,
    Health,
    HealthcheckResult,
    HostConfig,
    NetworkSettings,
)
from engine.wire.networks import EndpointSettings
from engine.wire.summaries import ContainerSummary, MountPoint, SummaryNetworkSettings
from engine.wire.times import ZERO


@dataclass
class FakeContainer:
    """One container; `log` holds (stream, bytes). The n-th run ends n nanoseconds after the beginning of 2024."""

    id: str
    name: str
    request: ContainerCreateRequest
    image_id: str
    status: str = "created"
    exit_code: int = 0
    health: str = ""
    probe_output: str = ""
    finished_at: str = ZERO
    log: list[tuple[int, bytes]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)  # how much of the log there was at the end of each run
    files: list[bytes] = field(default_factory=list)
    networks: dict[str, str] = field(default_factory=dict)  # name -> id
    anonymous: dict[str, str] = field(default_factory=dict)  # target -> name of a volume of its own
    news: anyio.Event = field(default_factory=anyio.Event)

    def write(self, data: bytes, stream: int) -> None:
        """Say something."""
        self.log.append((stream, data))
        self._tell()

    def end(self, code: int) -> None:
        """End the process."""
        self.status, self.exit_code = "exited", code
        self.ends.append(len(self.log))
        self.finished_at = f"2024-01-01T00:00:00.{len(self.ends):09}Z"
        self._tell()

    def first_chunk(self, tail: str, since: str) -> int:
        """Where in the log a reader begins who wants so much of its end, of the runs after the one that ended then."""
        position = max(len(self.log) - int(tail), 0) if tail != "all" else 0
        return max(position, self.ends[int(since[20:-1]) - 1]) if since else position

    async def read_log(self, position: int, *, follow: bool) -> AsyncIterator[tuple[int, bytes]]:
        """The log from there on, and with `follow` what comes until the process ends."""
        while True:
            while position < len(self.log):
                yield self.log[position]
                position += 1
            if not follow or self.status != "running":
                return
            await self.news.wait()

    def _tell(self) -> None:
        self.news.set()
        self.news = anyio.Event()

    def inspect(self) -> ContainerInspect:
        """As `inspect` shows it."""
        state = ContainerState(
            status=self.status,
            running=self.status == "running",
            exit_code=self.exit_code,
            finished_at=self.finished_at,
            health=self._probed() if self.health else UNSET,
        )
        return ContainerInspect(
            id=self.id,
            created="2024-01-01T00:00:00Z",
            path="",
            args=[],
            state=state,
            image=self.image_id,
            name=f"/{self.name}",
            host_config=HostConfig(),
            config=ContainerConfig(labels=self.request.labels, tty=self.request.tty, image=self.request.image),
            network_settings=NetworkSettings(),
        )

    def _probed(self) -> Health:
        probe = HealthcheckResult(start="", end="", exit_code=int(self.health != "healthy"), output=self.probe_output)
        return Health(status=self.health, log=[probe])

    def summary(self) -> ContainerSummary:
        """As a list of containers shows it."""
        endpoints = {name: EndpointSettings(network_id=identity) for name, identity in self.networks.items()}
        return ContainerSummary(
            id=self.id,
            names=[f"/{self.name}"],
            image=self.request.image,
            image_id=self.image_id,
            command="",
            created=0,
            labels=self.request.labels,
            state=self.status,
            status=self.status,
            network_settings=SummaryNetworkSettings(networks=endpoints),
            mounts=list(self._mounts()),
        )

    def _mounts(self) -> Iterator[MountPoint]:
        for mount in self.request.host_config.mounts:
            name = mount.source or self.anonymous.get(mount.target, "")
            yield MountPoint(type=mount.type, destination=mount.target, name=name)
        for bind in self.request.host_config.binds or ():
            source, target, _ = bind.split(":")
            kind = "bind" if source.startswith("/") else "volume"
            yield MountPoint(type=kind, destination=target, name="" if kind == "bind" else source)


@dataclass
class FakeExec:
    """The output of a process, and then its end."""

    output: list[tuple[int, bytes]]

    async def receive(self) -> tuple[int, bytes]:
        if not self.output:
            raise anyio.EndOfStream
        return self.output.pop(0)

    async def __aenter__(self) -> FakeExec:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None
