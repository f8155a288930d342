"""Containers without an engine behind them: enough state for the API's routes and for the `docker` CLI to talk to.

A fake container says what `script` holds once it is started, echoes its stdin if it has one, and exits with 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec import structs

from engine.containers.checkpoints.taking import Wish
from engine.containers.files.commit import CommitOptions
from engine.containers.files.sizes import Sizes
from engine.containers.making.defaults import ContainerDefaults
from engine.containers.streams.options import AttachOptions, LogOptions
from engine.errors import Conflict, NoSuchContainer, NotModified
from engine.events.bus import EventBus
from engine.images.removal import User
from engine.state.names import find, new_id
from engine.storage.changes import Change, Kind
from engine.wire.containers import (
    ContainerCreateRequest,
    ContainerCreateResponse,
    ContainerInspect,
    ContainerState,
    ContainerUpdateResponse,
    ContainerWaitResponse,
    HostConfig,
    LogConfig,
    NetworkSettings,
    TopResponse,
)
from engine.wire.filters import matches_labels
from engine.wire.networks import EndpointSettings
from engine.wire.stats import ContainerStats, CpuStats, CpuUsage, MemoryStats
from engine.wire.summaries import ContainerSummary
from tests.fakes.container import FakeConsole, FakeContainer, Line
from tests.fakes.execs import Execs
from tests.fakes.images import CREATED, FakeImages, Runs


class FakeContainers(Execs, Runs):
    """`ContainerJobs` in memory."""

    def __init__(self, events: EventBus, images: FakeImages) -> None:
        super().__init__()
        self._events = events
        self._images = images
        self.known: dict[str, FakeContainer] = {}
        self.updates: dict[str, HostConfig] = {}
        self.script: list[tuple[int, bytes]] = [(1, b"hello\n")]
        self.following = 0
        self.archives: dict[str, bytes] = {}
        self.commits: list[tuple[str, CommitOptions]] = []
        self.start_error: Exception | None = None
        self.log_error: Exception | None = None
        self.defaults = ContainerDefaults()
        self.checkpoints_asked: list[tuple[object, ...]] = []
        self.checkpoint_names: list[str] = []

    def use_defaults(self, defaults: ContainerDefaults) -> None:
        self.defaults = defaults

    def find(self, name: str) -> FakeContainer:
        container = find(self.known.values(), name)
        if container is None:
            raise NoSuchContainer(name)
        return container

    @property
    def running_count(self) -> int:
        return sum(container.status == "running" for container in self.known.values())

    def states(self) -> Counter[str]:
        return Counter(str(container.status) for container in self.known.values())

    async def create(
        self, name: str, request: ContainerCreateRequest, *, platform: str = ""
    ) -> ContainerCreateResponse:
        self._images.get(request.image)
        if any(container.name == name for container in self.known.values()):
            raise Conflict(f'Conflict. The container name "/{name}" is already in use')
        container = FakeContainer(new_id(), name or "eager_tester", request)
        if request.attach_stdout or request.attach_stdin:
            container.console = FakeConsole(echoes=request.open_stdin)
        self.known[container.id] = container
        self._tell(container, "create")
        return ContainerCreateResponse(id=container.id)

    async def start(
        self, name: str, *, detach_keys: str = "", checkpoint: str = "", checkpoint_directory: str = ""
    ) -> None:
        container = self.find(name)
        self.checkpoints_asked.append(("start", container.name, checkpoint, checkpoint_directory))
        if container.status == "running":
            raise NotModified("is running")
        if self.start_error:
            raise self.start_error
        container.status = "running"
        self._tell(container, "start")
        for stream, data in self.script:
            container.log.append(Line(stream, 1_700_000_000_000_000_000, data))
            if container.console:
                container.console.say(stream, data)
        if container.console:
            container.console.start()
        if not container.request.open_stdin and self.script:
            self.exit(container, 0)

    async def checkpoint(self, name: str, wish: Wish) -> None:
        self.checkpoints_asked.append(("create", self.find(name).name, wish))

    async def checkpoints(self, name: str, directory: str) -> list[str]:
        self.checkpoints_asked.append(("list", self.find(name).name, directory))
        return self.checkpoint_names

    async def remove_checkpoint(self, name: str, checkpoint: str, directory: str) -> None:
        self.checkpoints_asked.append(("remove", self.find(name).name, checkpoint, directory))

    def exit(self, container: FakeContainer, code: int) -> None:
        """Let it end."""
        container.status, container.exit_code = "exited", code
        if container.console:
            container.console.end()
        container.exited.set()
        self._tell(container, "die")

    async def stop(self, name: str, *, timeout_seconds: int | None = None, signal: str = "") -> None:
        container = self.find(name)
        if container.status != "running":
            raise NotModified("does not run")
        self.exit(container, 143)

    async def bring_down(self) -> None:
        for container in self.known.values():
            if container.status == "running":
                self.exit(container, 143)

    async def kill(self, name: str, *, signal: str = "SIGKILL") -> None:
        container = self.find(name)
        if container.status != "running":
            raise Conflict(f"container {container.id} is not running")
        self.exit(container, 137)

    async def restart(self, name: str, *, timeout_seconds: int | None = None, signal: str = "") -> None:
        self.find(name).status = "running"

    async def pause(self, name: str) -> None:
        self.find(name).status = "paused"

    async def unpause(self, name: str) -> None:
        self.find(name).status = "running"

    async def rename(self, name: str, new_name: str) -> None:
        self.find(name).name = new_name

    async def update(self, name: str, wish: HostConfig) -> ContainerUpdateResponse:
        self.updates[self.find(name).name] = wish
        return ContainerUpdateResponse()

    async def remove(self, name: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
        container = self.find(name)
        if container.status == "running" and not force:
            raise Conflict(f"cannot remove container {container.name!r}: container is running")
        del self.known[container.id]
        self._tell(container, "destroy")

    def waiter(self, name: str, condition: str) -> Awaitable[ContainerWaitResponse]:
        container = self.find(name)
        return self._wait(container, is_at_once=condition == "not-running" and container.status != "running")

    async def _wait(self, container: FakeContainer, *, is_at_once: bool) -> ContainerWaitResponse:
        container.waiters += 1
        try:
            if not is_at_once:
                await container.exited.wait()
        finally:
            container.waiters -= 1
        return ContainerWaitResponse(status_code=container.exit_code)

    def inspect(self, name: str) -> ContainerInspect:
        container = self.find(name)
        return ContainerInspect(
            id=container.id,
            created=CREATED,
            path="/bin/sh",
            args=[],
            state=ContainerState(
                status=container.status, running=container.status == "running", exit_code=container.exit_code
            ),
            image=container.request.image,
            name=f"/{container.name}",
            host_config=structs.replace(container.request.host_config, log_config=LogConfig(type="json-file")),
            config=container.request,
            network_settings=NetworkSettings(),
        )

    def summaries(
        self, *, everything: bool, limit: int, filters: Mapping[str, Sequence[str]]
    ) -> list[ContainerSummary]:
        return [
            ContainerSummary(
                id=container.id,
                names=[f"/{container.name}"],
                image=container.request.image,
                image_id="sha256:" + "1" * 64,
                command="/bin/sh",
                created=1_700_000_000,
                labels=container.request.labels,
                state=container.status,
                status=container.status.title(),
            )
            for container in self.known.values()
            if (everything or container.status == "running")
            and matches_labels(container.request.labels, filters.get("label", ()))
        ]

    def log_details(self, name: str) -> bytes:
        return f"name={self.find(name).name} ".encode()

    async def logs(self, name: str, options: LogOptions) -> AsyncIterator[list[Line]]:
        container = self.find(name)
        lines = container.log if options.tail is None else container.log[len(container.log) - options.tail :]
        for line in lines:
            if (line.stream == 1 and options.stdout) or (line.stream == 2 and options.stderr):
                yield [line]
        if self.log_error:
            raise self.log_error
        if options.follow:
            self.following += 1
            try:
                await container.exited.wait()
            finally:
                self.following -= 1

    def is_tty(self, name: str) -> bool:
        return self.find(name).request.tty

    @asynccontextmanager
    async def attach(self, name: str, options: AttachOptions) -> AsyncIterator[FakeConsole]:
        container = self.find(name)
        if container.console is None:
            container.console = FakeConsole(echoes=container.request.open_stdin)
        yield container.console

    async def resize(self, name: str, height: int, width: int) -> None:
        self.find(name).size = (height, width)

    async def top(self, name: str, ps_args: str) -> TopResponse:
        self.find(name)
        return TopResponse(titles=["PID", "CMD"], processes=[["1", "/bin/sh"]])

    async def stats(self, name: str) -> ContainerStats:
        container = self.find(name)
        cpu = CpuStats(cpu_usage=CpuUsage(total_usage=1), system_cpu_usage=2, online_cpus=1)
        memory = MemoryStats(usage=3 << 20, limit=12 << 20, stats={})
        return ContainerStats(id=container.id, name=f"/{container.name}", cpu_stats=cpu, memory_stats=memory)

    async def connect(self, network: str, name: str, settings: EndpointSettings) -> None:
        self.find(name)

    async def disconnect(self, network: str, name: str, *, force: bool) -> None:
        self.find(name)

    async def archive_stat(self, name: str, path: str, *, is_for_get: bool = False) -> dict[str, Any]:
        self.find(name)
        return {"name": path.rpartition("/")[2], "size": 3, "mode": 420, "mtime": CREATED, "linkTarget": ""}

    async def archive_get(self, name: str, path: str) -> AsyncIterator[bytes]:
        yield self.archives[path]

    async def archive_put(
        self,
        name: str,
        path: str,
        tar: AsyncIterator[bytes],
        *,
        no_overwrite_dir_non_dir: bool = False,
        copy_uid_gid: bool = False,
    ) -> None:
        self.archives[path] = b"".join([chunk async for chunk in tar])

    async def changes(self, name: str) -> list[Change]:
        self.find(name)
        return [Change(b"etc", Kind.MODIFIED), Change(b"etc/new", Kind.ADDED), Change(b"old", Kind.DELETED)]

    async def export(self, name: str) -> AsyncIterator[bytes]:
        self.find(name)
        yield b"an archive"

    async def commit(self, name: str, options: CommitOptions) -> str:
        self.commits.append((self.find(name).id, options))
        return "sha256:" + "e" * 64

    async def sizes(self, names: Iterable[str]) -> dict[str, Sizes]:
        return {name: Sizes(7, 70) for name in names}

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> tuple[list[str], int]:
        ended = [container.id for container in self.known.values() if container.status != "running"]
        for container_id in ended:
            del self.known[container_id]
        return ended, 0

    def image_users(self, image_id: str) -> list[User]:
        return []

    def volume_users(self, volume_name: str) -> list[str]:
        prefix = f"{volume_name}:"
        return [c.id for c in self.known.values() if any(b.startswith(prefix) for b in c.request.host_config.binds)]

    def _tell(self, container: FakeContainer, action: str) -> None:
        attributes = {"name": container.name, "image": container.request.image, **container.request.labels}
        self._events.publish("container", action, container.id, attributes)
