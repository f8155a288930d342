"""The door to containers: Docker's jobs. Each verb records what it is about to do, does it, and records the result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing, nullcontext
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread

from engine.containers.checkpoints import keeping
from engine.containers.checkpoints.restoring import Restorer
from engine.containers.checkpoints.taking import Taker, Wish
from engine.containers.container import NEXT_EXIT, NOT_RUNNING, REMOVED
from engine.containers.drivers import Drivers
from engine.containers.files.archive import Archives
from engine.containers.files.commit import CommitOptions, Committer
from engine.containers.files.export import export
from engine.containers.files.sizes import Sizes, sizes
from engine.containers.ledger import Ledger
from engine.containers.life.connecting import Connector
from engine.containers.life.launching import Launcher
from engine.containers.life.lifecycle import Status, Verb, advance
from engine.containers.life.prober import Prober
from engine.containers.life.pruning import is_pruned
from engine.containers.life.recovery import Recovery
from engine.containers.life.removal import Remover
from engine.containers.life.stopping import Stopper
from engine.containers.life.supervisor import Supervisor
from engine.containers.life.updating import Updater
from engine.containers.making.creation import Creator
from engine.containers.making.defaults import ContainerDefaults
from engine.containers.making.links import without_link
from engine.containers.names import check_name
from engine.containers.signals import parse_signal
from engine.containers.streams.attach import Streams
from engine.containers.streams.exec import Execs, ExecSession
from engine.containers.streams.logs import Logs
from engine.containers.streams.options import AttachOptions, LogOptions
from engine.containers.views.showing import Views
from engine.containers.views.top import list_processes
from engine.containers.views.usage import nothing_used, sample
from engine.errors import BadRequest, Conflict, EngineError, NotFound, NotModified, as_failure
from engine.images.removal import User
from engine.kernel.threads import lengthy
from engine.logs.k8s_file import LogEntry
from engine.runtime.console import Console
from engine.state.store import Store
from engine.storage.changes import Change
from engine.wire.containers import (
    ContainerCreateRequest,
    ContainerCreateResponse,
    ContainerInspect,
    ContainerUpdateResponse,
    ContainerWaitResponse,
    ExecCreateRequest,
    ExecInspect,
    ExecStartRequest,
    HostConfig,
    IdResponse,
    TopResponse,
)
from engine.wire.networks import EndpointSettings
from engine.wire.stats import ContainerStats
from engine.wire.summaries import ContainerSummary
from engine.wire.times import pruned_before

__all__ = ["AttachOptions", "ContainerService", "LogOptions"]


class ContainerService:
    """The containers of one engine. `run` first, in a task group:

    await tasks.start(containers.run)
    created = await containers.create("web", request)
    await containers.start("web")
    answer = await containers.wait("web")
    await containers.remove("web")

    A name may be a container's name, id or id prefix; an unknown one raises `NoSuchContainer`.
    """

    def __init__(self, store: Store, drivers: Drivers) -> None:
        self._drivers = drivers
        self._ledger = ledger = Ledger(store, drivers.events)
        self._launcher = launcher = Launcher(drivers, ledger)
        self._creator = Creator(drivers, ledger)
        self._logs = Logs(drivers)
        self._supervisor = Supervisor(drivers, ledger, launcher, Prober(drivers, ledger), self._logs)
        self._execs = Execs(drivers, ledger)
        self._remover = Remover(drivers, ledger, launcher, self._execs)
        self._supervisor.remove = self._remover.at_exit
        self._updater = Updater(drivers, ledger)
        self._stopper = Stopper(drivers, ledger, self._supervisor)
        self._connector = Connector(drivers, launcher)
        self._views = Views(drivers, ledger, launcher, self._connector, self._execs)
        self._streams = Streams(drivers, self._logs)
        self._archives = Archives(drivers)
        self._taker = Taker(drivers, ledger)
        self._restorer = Restorer(drivers)
        self._committer = Committer(drivers, ledger, self._stopper)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Recover, report ready, then look after the containers until cancelled; they live on."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._logs.run)
            self._supervisor.tasks = self._execs.tasks = tasks
            recovery = Recovery(self._drivers, self._ledger, self._launcher, self._supervisor, self._remover)
            revived = await recovery.run()
            task_status.started()
            self._supervisor.resume(revived)
            try:
                await anyio.sleep_forever()
            finally:
                self._supervisor.tasks = self._execs.tasks = None

    def use_defaults(self, defaults: ContainerDefaults) -> None:
        """Give containers that are made from now on these defaults."""
        self._creator.defaults = defaults

    @property
    def running_count(self) -> int:
        """How many containers run, or will again by their policy."""
        return self._ledger.running_count

    def states(self) -> Counter[str]:
        """How many containers there are of each state."""
        return Counter(container.status.value for container in self._ledger)

    async def create(
        self, name: str, request: ContainerCreateRequest, *, platform: str = ""
    ) -> ContainerCreateResponse:
        """Make a container; an empty name gets a generated one.

        Raises `NoSuchImage`, `BadRequest`, and `Conflict` for a taken name.
        """
        container, warnings = await self._creator.create(name, request, platform=platform)
        return ContainerCreateResponse(id=container.id, warnings=list(warnings))

    async def start(
        self, name: str, *, detach_keys: str = "", checkpoint: str = "", checkpoint_directory: str = ""
    ) -> None:
        """Start a container, or have it go on from a checkpoint.

        Raises `NotModified` if it runs, and what keeps it from running.
        """
        if checkpoint:
            keeping.check_name(checkpoint)
        container = self._ledger.get(name)
        try:
            async with container.lock:
                if container.status in (Status.RUNNING, Status.RESTARTING):
                    raise NotModified("container is already running")
                advance(container.status, Verb.START)
                source = await self._restorer.find(container, checkpoint, checkpoint_directory) if checkpoint else None
                await self._supervisor.start(container, restart_count=0, restored_from=source)
        except NotModified:
            raise
        except Exception:
            # As after any other end: `docker run --rm` waits for it. A checkpoint can be tried again.
            if not checkpoint and container in self._ledger and container.record.host_config.auto_remove:
                with anyio.CancelScope(shield=True):
                    await self._remover.at_exit(container)
            raise

    async def stop(self, name: str, *, timeout_seconds: int | None = None, signal: str = "") -> None:
        """End a container and wait for that; -1 waits for ever before SIGKILL. Raises `NotModified`."""
        await self._stopper.stop(self._ledger.get(name), timeout_seconds=timeout_seconds, signal=signal)

    async def bring_down(self) -> None:
        """Stop all containers because the machine goes down; the next boot starts those whose policy wants it."""
        await self._stopper.bring_down()

    async def kill(self, name: str, *, signal: str = "SIGKILL") -> None:
        """Send a signal. Raises `Conflict` if the container does not run."""
        parse_signal(signal)  # a wrong one is told before anything else, as in Docker
        await self._stopper.kill(self._ledger.get(name), signal=signal)

    async def restart(self, name: str, *, timeout_seconds: int | None = None, signal: str = "") -> None:
        """Stop, if it runs, and start."""
        await self._stopper.restart(self._ledger.get(name), timeout_seconds=timeout_seconds, signal=signal)

    async def pause(self, name: str) -> None:
        """Freeze. Raises `Conflict`."""
        await self._stopper.pause(self._ledger.get(name))

    async def unpause(self, name: str) -> None:
        """Thaw. Raises `Conflict`."""
        with as_failure():
            await self._stopper.unpause(self._ledger.get(name))

    async def rename(self, name: str, new_name: str) -> None:
        """Give a container another name. Raises `Conflict` for a taken one, `BadRequest`."""
        wanted = new_name.removeprefix("/")
        if not wanted:
            raise BadRequest("Neither old nor new names may be empty")
        container = self._ledger.get(name)
        old = container.name
        if wanted == old:
            raise BadRequest("Renaming a container with the same name as its current name")
        async with container.lock:
            with ExitStack() as stack:
                try:
                    check_name(wanted)
                    stack.enter_context(self._ledger.reserve(wanted, container.id))
                except (BadRequest, Conflict) as exc:
                    raise type(exc)(f"Error when allocating new name: {exc.message}") from exc
                if self._drivers.networks.sandbox(container.id) is not None:
                    await self._drivers.networks.rename(container.id, wanted)
                await container.change(name=wanted)
            self._ledger.release_name(old)
        self._ledger.publish(container, "rename", oldName=f"/{old}")

    async def update(self, name: str, wish: HostConfig) -> ContainerUpdateResponse:
        """Change a container's limits and restart policy. Raises `BadRequest`, `Conflict`, `RuntimeFailure`."""
        warnings = await self._updater.update(self._ledger.get(name), wish)
        return ContainerUpdateResponse(warnings=list(warnings) or None)

    async def remove(self, name: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
        """Remove a container; with `force` also one that runs, with `volumes` its anonymous volumes, too.

        Raises `Conflict` in Docker's words.
        """
        if link:
            await self._remove_link(name)
            return
        if force and (unreadable := self._ledger.unreadable(name)):
            await self._remover.remove_unreadable(unreadable)
            return
        container = self._ledger.get(name)
        if force:
            await self._remover.remove_by_force(container, self._stopper.end, volumes=volumes)
        else:
            await self._remover.remove(container, volumes=volumes)

    def waiter(self, name: str, condition: str) -> Awaitable[ContainerWaitResponse]:
        """Register for `not-running`, `next-exit` or `removed`, at once; await the answer later."""
        condition = condition or NOT_RUNNING
        if condition not in (NOT_RUNNING, NEXT_EXIT, REMOVED):
            raise BadRequest(f"invalid condition: {condition!r}")
        return self._ledger.get(name).wait_for(condition)

    async def wait(self, name: str, condition: str = NOT_RUNNING) -> ContainerWaitResponse:
        """Wait for a container's end and return its exit code."""
        return await self.waiter(name, condition)

    def inspect(self, name: str) -> ContainerInspect:
        """Everything about a container."""
        return self._views.inspect(self._ledger.get(name))

    def summaries(
        self, *, everything: bool, limit: int, filters: Mapping[str, Sequence[str]]
    ) -> list[ContainerSummary]:
        """The containers that pass the filters, the newest first; `limit` 0 is none and counts stopped ones, too."""
        return self._views.summaries(everything=everything, limit=limit, filters=filters)

    def logs(self, name: str, options: LogOptions) -> AsyncGenerator[list[LogEntry], None]:
        """The log of a container, some entries at a time; following it ends when the container does.

        Raises `NotImplementedHere`.
        """
        return self._logs.read(self._ledger.get(name), options)

    def log_details(self, name: str) -> bytes:
        """What `logs --details` shows before each message of a container."""
        return self._logs.details(self._ledger.get(name))

    def is_tty(self, name: str) -> bool:
        """Whether a container has a terminal."""
        return self._ledger.get(name).record.config.tty

    def attach(self, name: str, options: AttachOptions) -> AbstractAsyncContextManager[Console]:
        """A container's stdio; for one that does not run yet, from its start on. Raises `Conflict`."""
        container = self._ledger.get(name)
        attached = self._streams.attach(container, options)
        self._ledger.publish(container, "attach")
        return attached

    async def resize(self, name: str, height: int, width: int) -> None:
        """Set the size of a container's terminal. Raises `Conflict` if it does not run."""
        container = self._ledger.get(name)
        if not container.is_alive:
            raise Conflict(f"container {container.id} is not running")
        await self._drivers.runtime.resize(container.id, height, width)
        self._ledger.publish(container, "resize", height=str(height), width=str(width))

    async def exec_create(self, name: str, request: ExecCreateRequest) -> IdResponse:
        """Prepare a further process. Raises `Conflict`, `BadRequest`."""
        return self._execs.create(name, request)

    async def exec_start(self, exec_id: str, request: ExecStartRequest) -> ExecSession | None:
        """Run it; None when detached. Raises `NoSuchExec`, `Conflict`, `RuntimeFailure`."""
        return await self._execs.start(exec_id, request)

    def exec_check(self, exec_id: str) -> None:
        """Raise what `exec_start` would, as far as it is clear before: `NoSuchExec`, `Conflict`."""
        self._execs.check(exec_id)

    def exec_inspect(self, exec_id: str) -> ExecInspect:
        """What is known of an exec."""
        return self._execs.inspect(exec_id)

    async def exec_resize(self, exec_id: str, height: int, width: int) -> None:
        """Set the size of an exec's terminal."""
        await self._execs.resize(exec_id, height, width)

    def exec_is_tty(self, exec_id: str) -> bool:
        """Whether an exec has a terminal."""
        return self._execs.is_tty(exec_id)

    async def top(self, name: str, ps_args: str) -> TopResponse:
        """The processes of a container, as ps shows them. Raises `Conflict` if it does not run."""
        container = self._ledger.get(name)
        if not container.is_alive:
            raise Conflict(f"container {container.id} is not running")
        answer = await list_processes(await self._drivers.runtime.pids(container.id), ps_args)
        self._ledger.publish(container, "top")
        return answer

    async def stats(self, name: str) -> ContainerStats:
        """What a container has used until now; zeros if it does not run."""
        container = self._ledger.get(name)
        if not container.is_alive:
            return nothing_used(container)
        cgroup = self._drivers.runtime.cgroup_of(container.id)
        return await anyio.to_thread.run_sync(sample, container, cgroup)

    async def connect(self, network: str, name: str, settings: EndpointSettings) -> None:
        """Put a container on a network, at once if it runs. Raises `BadRequest`, `Forbidden`, `NoSuchNetwork`."""
        await self._connector.connect(self._ledger.get(name), network, settings)

    async def disconnect(self, network: str, name: str, *, force: bool) -> None:
        """Take a container off a network; with `force` also off one that is gone."""
        await self._connector.disconnect(self._ledger.get(name), network, force=force)

    async def archive_stat(self, name: str, path: str, *, is_for_get: bool = False) -> dict[str, Any]:
        """What is at a path of a container: the content of `X-Docker-Container-Path-Stat`. Raises `NotFound`.

        What `is_for_get` is not told on its own.
        """
        container = self._ledger.get(name)
        with nullcontext() if is_for_get else self._ledger.telling_of_mounts(container.record):
            return await self._archives.stat(container, path)

    async def archive_get(self, name: str, path: str) -> AsyncGenerator[bytes, None]:
        """A path of a container as a tar archive. Raises `NotFound` with the first chunk."""
        container = self._ledger.get(name)
        with self._ledger.telling_of_mounts(container.record):
            self._ledger.publish(container, "archive-path")
            async with aclosing(self._archives.get(container, path)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def archive_put(
        self,
        name: str,
        path: str,
        tar: AsyncIterator[bytes],
        *,
        no_overwrite_dir_non_dir: bool = False,
        copy_uid_gid: bool = False,
    ) -> None:
        """Unpack a tar archive into a directory of a container, running or not.

        With `copy_uid_gid` its files belong to the container's user.
        """
        container = self._ledger.get(name)
        with self._ledger.telling_of_mounts(container.record):
            await self._archives.put(container, path, tar, no_overwrite=no_overwrite_dir_non_dir, is_users=copy_uid_gid)
            self._ledger.publish(container, "extract-to-dir")

    async def changes(self, name: str) -> list[Change]:
        """What a container changed in its image's files."""
        return await self._drivers.snapshots.changes(self._ledger.get(name).id)

    def export(self, name: str) -> AsyncIterator[bytes]:
        """A container's files as a tar archive. Raises `Conflict` with the first chunk."""
        container = self._ledger.get(name)
        self._ledger.publish(container, "export")
        return export(self._drivers, container)

    async def commit(self, name: str, options: CommitOptions) -> str:
        """Make an image of a container; return its id. Raises `Conflict`, `BadRequest`."""
        return await self._committer.commit(self._ledger.get(name), options)

    async def checkpoint(self, name: str, wish: Wish) -> None:
        """Make a checkpoint of a running container.

        Raises `BadRequest`, `Conflict`, `Unavailable`, `RuntimeFailure`, `EngineError` for a taken name.
        """
        keeping.check_name(wish.name)
        await self._taker.take(self._ledger.get(name), wish, called=name)

    async def checkpoints(self, name: str, directory: str) -> list[str]:
        """The names of a container's checkpoints, or of those in a directory. Raises `NotFound`, `BadRequest`."""
        root = keeping.root_of(self._launcher.home(self._ledger.get(name).id), directory)
        return await lengthy(keeping.names, root, directory, name)

    async def remove_checkpoint(self, name: str, checkpoint: str, directory: str) -> None:
        """Remove a checkpoint. Raises `EngineError` (Docker says 500) if there is none."""
        keeping.check_name(checkpoint)
        container = self._ledger.get(name)
        root = keeping.root_of(self._launcher.home(container.id), directory)
        async with container.lock:  # it may just be going on from this one
            await lengthy(keeping.remove, await lengthy(keeping.existing, root, checkpoint, name))

    async def sizes(self, names: Iterable[str]) -> dict[str, Sizes]:
        """The sizes of containers by id; those that have just been removed are missing."""
        known = [container for container in self._ledger if container.id in set(names)]
        return await sizes(self._drivers, known)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> tuple[list[str], int]:
        """Remove the containers that do not run (`until`, `label`, `label!`): their ids and the bytes set free."""
        removed: list[str] = []
        freed = 0
        before_ns = pruned_before(filters.get("until", ()), time.time_ns())
        # Chosen at once: while one is removed, others come and go.
        for container in [one for one in self._ledger if is_pruned(one.record, filters, before_ns)]:
            try:
                size = await self._drivers.snapshots.size(container.id)
                await self._remover.remove(container, volumes=False)
            except (Conflict, NotFound):
                continue  # started or removed by someone else meanwhile
            removed.append(container.id)
            freed += size
        self._drivers.events.publish("container", "prune", "", {"reclaimed": str(freed)})
        return removed, freed

    def image_users(self, image_id: str) -> list[User]:
        """The containers made from an image, or that have it mounted."""
        return self._ledger.image_users(image_id)

    def volume_users(self, volume_name: str) -> list[str]:
        """The containers that mount a volume."""
        return self._ledger.volume_users(volume_name)

    async def _remove_link(self, name: str) -> None:
        self._ledger.get(name)
        parent, slash, alias = name.removeprefix("/").partition("/")
        if not slash:
            raise EngineError("Conflict, cannot remove the default link name of the container")
        container = self._ledger.get(parent)
        await container.change(host_config=without_link(container.record.host_config, alias))
