"""The door to building: orders in, lines out; what is cached, and pruning it."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread
from anyio.streams.memory import MemoryObjectSendStream

from engine.builder.bases import Bases
from engine.builder.bench import Bench
from engine.builder.build import Build
from engine.builder.cache import Cache, Entry
from engine.builder.caching.supply import Supply
from engine.builder.caching.wishes import read_destination, read_source
from engine.builder.context import workspace
from engine.builder.context.keeping import Contexts
from engine.builder.context.receiving import Received, receive
from engine.builder.context.workspace import Workspace, working
from engine.builder.delivery import Deliver, keep_image
from engine.builder.dockerfile.checks import check
from engine.builder.dockerfile.stages import Dockerfile, global_args, needed_stages
from engine.builder.order import BuildOrder
from engine.builder.product import Product
from engine.builder.steps import running
from engine.builder.steps.mounts import CacheMounts
from engine.builder.steps.vault import Vault
from engine.builder.telling import Teller
from engine.builder.transcript import Transcript
from engine.builder.usage import Bounds, CacheUsage, usage_of
from engine.containers.drivers import Drivers
from engine.errors import EngineError, Unavailable
from engine.images.inventory import tag_of
from engine.images.record import Image
from engine.images.store import ImageService
from engine.registry.platforms import Platform, host_platform
from engine.state.names import new_id
from engine.state.paths import Paths
from engine.state.store import Store
from engine.storage.snapshots import Snapshots
from engine.wire.images import Progress

log = logging.getLogger(__name__)

_BACKLOG: Final = 64
_LEAST_AT_ONCE: Final = 4
_CACHE_SHARE: Final = 10
_LEAST_BOUND_BYTES: Final = 1 << 30


class Builder:
    """Builds images. `run` first, in a task group:

    await tasks.start(builder.run)
    ready = await builder.receive(order, chunks)
    async for line in ready.lines(): ...

    `root` is the directory of everything that builds keep.
    """

    def __init__(self, paths: Paths, store: Store, images: ImageService, drivers: Drivers) -> None:
        self.root = paths.root / "builds"
        self._secrets_root = paths.run / "builds"
        self._events = drivers.events
        self._images = images
        self._drivers = drivers
        self._snapshots = Snapshots(paths)
        self._cache = Cache(store, images.inventory.layers)
        self._cache_mounts = CacheMounts(store, self.root / "mounts")
        self.contexts = Contexts(self.root)
        self._limiter = anyio.CapacityLimiter(max(_LEAST_AT_ONCE, len(os.sched_getaffinity(0))))
        self._running: dict[str, anyio.CancelScope] = {}
        self.tasks: anyio.abc.TaskGroup | None = None
        images.inventory.keep(self._cache.needed_layers)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Remove what builds of an earlier engine left, report ready, then build until cancelled."""
        await running.recover(self._drivers)
        await anyio.to_thread.run_sync(workspace.sweep, self.root)
        await anyio.to_thread.run_sync(workspace.clear, self._secrets_root)
        async with anyio.create_task_group() as tasks:
            self.tasks = tasks
            tasks.start_soon(self.contexts.expire, name="contexts expire")
            task_status.started()
            try:
                await anyio.sleep_forever()
            finally:
                self.tasks = None

    async def receive(self, order: BuildOrder, chunks: AsyncIterator[bytes], *, build_id: str = "") -> Ready:
        """Take the context in and read the Dockerfile; what it returns has to be iterated, which builds.

        Raises `BadRequest`, `DockerfileError`, and for a remote context `EngineError`; then nothing is left.
        """
        _check(order)
        async with AsyncExitStack() as stack:
            place = await stack.enter_async_context(working(self.root, self._snapshots))
            received = await receive(order, chunks, place)
            scope = variables_of(order, received.dockerfile)
            stages = needed_stages(received.dockerfile, received.dockerfile.target(order.target), scope)

            async def build(lines: MemoryObjectSendStream[Progress]) -> None:
                transcript = Transcript(lines, stages, is_quiet=order.is_quiet)
                images: list[Image] = []

                async def deliver(bench: Bench, product: Product) -> None:
                    images.append(await keep_image(bench, product, order.tags))

                await self._build(self._bench(order, received, place, transcript), deliver)
                await transcript.close(images[0], order.tags)

            return Ready(self, build, stack.pop_all(), build_id or new_id())

    def working(self) -> AbstractAsyncContextManager[Workspace]:
        """A workspace for a build whose caller fills it; with the block it goes."""
        return working(self.root, self._snapshots)

    async def build(
        self, order: BuildOrder, received: Received, place: Workspace, teller: Teller, deliver: Deliver
    ) -> None:
        """Build in the caller's task, whose cancellation ends it; `deliver` has the result.

        Raises `BadRequest`, `DockerfileError`, and what makes it fail.
        """
        _check(order)
        await self._build(self._bench(order, received, place, teller), deliver)
        await self._collect()

    async def _build(self, bench: Bench, deliver: Deliver) -> None:
        with self._images.inventory.making():
            try:
                await Build(bench, deliver).run()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(bench.vault.close)

    def _bench(self, order: BuildOrder, received: Received, place: Workspace, teller: Teller) -> Bench:
        wanted = Platform.parse(order.platform)
        supply = Supply(self._images.inventory.layers)
        bases = Bases(order, wanted, self._images, supply, teller.tell)
        bases.given = received.images
        return Bench(
            order=order,
            dockerfile=received.dockerfile,
            variables=variables_of(order, received.dockerfile),
            platform=wanted,
            drivers=self._drivers,
            images=self._images,
            cache=self._cache,
            cache_mounts=self._cache_mounts,
            workspace=place,
            teller=teller,
            limiter=self._limiter,
            ignore=received.ignore,
            vault=Vault(received.secrets, self._secrets_root / place.root.name),
            named=dict(received.named),
            later=received.later,
            supply=supply,
            bases=bases,
        )

    async def check(self, order: BuildOrder, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Progress, None]:
        """Say what the checks of a Dockerfile find, and build nothing. Raises as `receive`."""
        async with working(self.root, self._snapshots) as place:
            received = await receive(order, chunks, place)
        for found in check(received.text, received.dockerfile.file):
            yield Progress(stream=f"{received.dockerfile.file}:{found.line}: {found.rule}: {found.message}\n")

    def cancel(self, build_id: str) -> None:
        """End a build; an unknown one is fine."""
        if scope := self._running.get(build_id):
            scope.cancel()

    async def work(self, ready: Ready, lines: MemoryObjectSendStream[Progress]) -> None:
        """Build what was received, in the service's own task, and keep the cache within its bound afterwards.

        The failure is kept for `Ready.lines`.
        """
        with ExitStack() as stack:
            stack.enter_context(lines)
            self._running[ready.build_id] = stack.enter_context(ready.scope)
            try:
                await ready.build(lines)
            except Exception as exc:  # noqa: BLE001 - raised to the one who reads the lines
                ready.error = exc
            finally:
                self._running.pop(ready.build_id, None)
        await self._collect()

    async def _collect(self) -> None:
        """Forget what was not used for the longest time, when the cache takes more than a tenth of the disk."""
        size = sum(entry.size_bytes for entry in self._cache)
        if size < _LEAST_BOUND_BYTES:
            return
        try:
            bound = max(_LEAST_BOUND_BYTES, await anyio.to_thread.run_sync(_tenth_bytes, self.root))
            if size > bound:
                await self.prune(lambda _: True, bounds=Bounds(most=bound))
        except (EngineError, OSError):
            log.exception("the build cache could not be pruned")

    async def usage(self) -> list[CacheUsage]:
        """What the cache takes on the disk, the oldest first."""
        needed = {chain_id for image in self._images.all() for chain_id in image.chain_ids}
        return await anyio.to_thread.run_sync(usage_of, self._cache, self._cache_mounts, list(self.contexts), needed)

    async def prune(
        self, wanted: Callable[[CacheUsage], bool], *, bounds: Bounds, everything: bool = False
    ) -> tuple[list[str], int]:
        """Forget what is cached, as far as `wanted` says, until no more is left of it than `bounds` allow.

        Without `everything`, what images still need stays. Returns the ids of what went and the bytes that it freed.
        """
        found = {item.id: item for item in await self.usage()}

        def chosen(identity: str) -> bool:
            item = found.get(identity)
            return item is not None and not item.in_use and (everything or not item.is_shared) and wanted(item)

        def is_gone(entry: Entry) -> bool:
            """Steps without a layer take no space: they go when everything does."""
            return chosen(entry.id) if entry.has_layer else everything and bounds.is_everything

        free_bytes = await anyio.to_thread.run_sync(_free_bytes, self.root)
        kept_bytes = bounds.kept_bytes(sum(entry.size_bytes for entry in self._cache), free_bytes)
        gone = await self._cache.forget(is_gone, keep_bytes=kept_bytes)
        async with self._images.inventory.lock:
            _, freed = await self._images.inventory.free([item for entry in gone for item in entry.chain_ids], [])
        removed = [entry.id for entry in gone if entry.has_layer]
        for mount in self._cache_mounts:
            if chosen(mount.id):
                freed += await self._cache_mounts.remove(mount)
                removed.append(mount.id)
        for context in self.contexts:
            if chosen(context.id) and not context.in_use:
                freed += await self.contexts.remove(context)
                removed.append(context.id)
        self._events.publish("builder", "prune", "", {"reclaimed": str(freed)})
        return removed, freed


class Ready:
    """A build whose context is here. `lines` has to be run, or the context stays until the engine's next start."""

    def __init__(
        self,
        builder: Builder,
        build: Callable[[MemoryObjectSendStream[Progress]], Awaitable[None]],
        files: AsyncExitStack,
        build_id: str,
    ) -> None:
        self.build_id = build_id
        self.build = build
        self.scope = anyio.CancelScope()
        self.error: Exception | None = None
        self._builder = builder
        self._files = files

    async def lines(self) -> AsyncGenerator[Progress, None]:
        """Build, and yield what there is to say; whoever stops reading ends the build.

        Raises what made it fail, after the lines before it.
        """
        async with self._files:
            if self._builder.tasks is None:
                raise Unavailable("the engine is stopping")
            send, lines = anyio.create_memory_object_stream[Progress](_BACKLOG)
            finished = anyio.Event()

            async def work() -> None:
                try:
                    await self._builder.work(self, send)
                finally:
                    finished.set()

            self._builder.tasks.start_soon(work, name=f"build {self.build_id[:12]}")
            try:
                async with lines:
                    async for line in lines:
                        yield line
            finally:
                self.scope.cancel()
                with anyio.CancelScope(shield=True):
                    await finished.wait()
            if self.error is not None:
                raise self.error


def variables_of(order: BuildOrder, dockerfile: Dockerfile) -> dict[str, str]:
    """What the variables of FROM lines mean in a build. Raises `DockerfileError`."""
    automatic = _platform_args(Platform.parse(order.platform), order.target or "default")
    return global_args(dockerfile, order.given_args, automatic)


def _check(order: BuildOrder) -> None:
    """Look at what would fail only after the build. Raises `BadRequest`."""
    for tag in order.tags:
        tag_of(tag)
    for text in order.cache_from:
        read_source(text)
    for text in order.cache_to:
        read_destination(text)


def _tenth_bytes(directory: Path) -> int:
    """How much the cache may take of the file system that it is on, as Docker's does."""
    found = os.statvfs(directory)
    return found.f_blocks * found.f_frsize // _CACHE_SHARE


def _free_bytes(directory: Path) -> int:
    """What the disk has left; the directory itself is made by the first build."""
    found = os.statvfs(directory if directory.exists() else directory.parent)
    return found.f_bavail * found.f_frsize


def _platform_args(target: Platform, stage: str) -> dict[str, str]:
    """The variables that a Dockerfile has without naming them (Dockerfile reference, "Automatic platform ARGs")."""
    here = host_platform()
    return {
        "BUILDPLATFORM": str(here),
        "BUILDOS": here.os,
        "BUILDARCH": here.architecture,
        "BUILDVARIANT": here.variant,
        "TARGETPLATFORM": str(target),
        "TARGETOS": target.os,
        "TARGETARCH": target.architecture,
        "TARGETVARIANT": target.variant,
        "TARGETSTAGE": stage,
    }
