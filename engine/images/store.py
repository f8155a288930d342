"""The image service: the one place that knows which images there are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, aclosing
from functools import partial

import anyio.to_thread
import msgspec
from msgspec import structs

from engine.events.bus import EventBus
from engine.images import describe, names
from engine.images.archives.loader import Loader
from engine.images.archives.saving import SavedImage, choose, write_archive
from engine.images.archives.taking_in import ImportOptions, take_in
from engine.images.clearing import Clearer, UsedBy
from engine.images.inventory import Inventory, tag_of
from engine.images.listing import Wish, created_ns, listed
from engine.images.platforms import check_platform, mismatch
from engine.images.record import Image
from engine.images.transfer.collection import Collections
from engine.images.transfer.connections import Connections, interruptible
from engine.images.transfer.outcome import Outcome
from engine.images.transfer.pull import Plan, Puller
from engine.images.transfer.push import Pusher
from engine.images.transfer.transfers import Transfers
from engine.images.transfer.uploads import Uploads
from engine.images.usage import DiskUse, disk_use
from engine.registry.interrupt import Interrupt
from engine.registry.platforms import Platform
from engine.registry.reference import Reference
from engine.registry.report import report
from engine.registry.settings import RegistrySettings
from engine.state.paths import Paths
from engine.state.store import Store
from engine.storage.streaming import streamed
from engine.wire.images import (
    AuthConfig,
    DistributionInspect,
    HistoryItem,
    ImageDeleteItem,
    ImageInspect,
    ImageSummary,
    Progress,
    SearchResult,
)

__all__ = ["Image", "ImageService"]


class ImageService:
    """Images by name and id; pulling, naming and removing them. Lives on one event loop."""

    def __init__(self, paths: Paths, store: Store, events: EventBus, registries: RegistrySettings) -> None:
        self.inventory = Inventory(paths, store, events)
        self._images = self.inventory.images
        self._events = events
        self._content, self._layers = self.inventory.content, self.inventory.layers
        self._connections = Connections(registries)
        self._puller = Puller(self._connections, Transfers(self._content, self._layers, self._connections.limits))
        uploads = Uploads(self._content, self._layers, self._connections.limits)
        self.collections = Collections(self._connections, self.inventory, self._puller, uploads)
        self._pusher = Pusher(self._connections, self.inventory, uploads, events)
        self._loader = Loader(self.inventory, events)
        self._clearer = Clearer(self.inventory, events)
        self._lock = self.inventory.lock

    def get(self, name_or_id: str) -> Image:
        """The image with that name, id or unambiguous prefix of an id. Raises `NoSuchImage`, `BadRequest`."""
        return names.find(self._images, name_or_id)

    def all(self) -> list[Image]:
        """Every image, the oldest pull first."""
        return list(self._images)

    def check_platform(self, image: Image, name: str, wanted: Platform | None) -> None:
        """Raise `NotFound` unless the image that was found by `name` is for a platform, if one is wanted."""
        check_platform(image, name, wanted)

    def listed(self, wish: Wish) -> list[ImageSummary]:
        """The images of a listing, newest first. Raises `BadRequest` for a bad pattern."""
        return [describe.summary(image) for image in listed(list(self._images), wish)]

    def created_ns(self, image: Image) -> int:
        """When an image was made, in nanoseconds since 1970; 0 if it does not say."""
        return created_ns(image)

    def inspect(self, image: Image) -> ImageInspect:
        """What `docker image inspect` shows."""
        return describe.inspect(image, self._layers.path)

    def summary(self, image: Image) -> ImageSummary:
        """What `docker images` shows."""
        return describe.summary(image)

    def history(self, image: Image) -> list[HistoryItem]:
        """What `docker history` shows, newest step first."""
        return describe.history(image, self._layers.size_bytes, self._images.get)

    async def resolve(self, reference: str, *, platform: str = "", auth: AuthConfig | None = None) -> Plan:
        """What pulling an image would bring; nothing is kept. Raises `BadRequest`, `NotFound`, `RegistryError`."""
        with self._connections.session():
            plan = await self._puller.resolve(Reference.parse(reference).tagged(), platform, auth)
        check_platform(plan.image(0), reference, Platform.parse(platform) if platform else None)
        return plan

    async def pull(
        self, reference: str, *, platform: str = "", auth: AuthConfig | None = None
    ) -> AsyncGenerator[Progress, None]:
        """Pull an image and yield Docker's lines about it; when it ends, `get` knows the image.

        Stopping early, in whatever way, calls off what no other pull needs and leaves only whole layers and blobs.
        Raises `BadRequest` and `NotFound` before the first line, `RegistryError`, `InvalidLayer` at any point.
        """
        wanted = Reference.parse(reference).tagged()
        outcome = Outcome()
        with self._connections.session():
            async with aclosing(self._pull(wanted, platform, auth, outcome)) as lines:
                async for line in lines:
                    yield line
        for line in outcome.lines(wanted.familiar):
            yield line

    async def pull_all(
        self, name: str, *, platform: str = "", auth: AuthConfig | None = None
    ) -> AsyncGenerator[Progress, None]:
        """Pull every tag that a repository has, one after the other: lines and errors as of `pull`."""
        repository = Reference.parse(name)
        outcome = Outcome()
        with self._connections.session():
            for tag in await self._puller.tags(repository, auth):
                wanted = structs.replace(repository, tag=tag)
                async with aclosing(self._pull(wanted, platform, auth, outcome)) as lines:
                    async for line in lines:
                        yield line
        for line in outcome.lines(repository.familiar):
            yield line

    async def _pull(
        self, wanted: Reference, platform: str, auth: AuthConfig | None, outcome: Outcome
    ) -> AsyncGenerator[Progress, None]:
        plan = await self._puller.resolve(wanted, platform, auth)
        yield Progress(id=wanted.tag or wanted.digest, status=f"Pulling from {wanted.repository}")
        with self.inventory.holding(plan.digests):
            image = self._whole(plan.image_id)
            if image is None:
                async with aclosing(self._puller.fetch(plan)) as lines:
                    async for line in lines:
                        yield line
                image = await anyio.to_thread.run_sync(self._puller.measure, plan)
            outcome.is_new |= await self._give_names(image, wanted, plan.resolved.digest)
        if platform and (problem := mismatch(image, wanted.familiar, Platform.parse(platform))):
            outcome.warnings.append(problem)
        self._events.publish("image", "pull", wanted.familiar, image.event_attributes(wanted.familiar_name))
        yield Progress(status=f"Digest: {plan.resolved.digest}")

    async def distribution(self, reference: str, *, auth: AuthConfig | None = None) -> DistributionInspect:
        """What a reference stands for in its registry; nothing is kept. Raises `BadRequest`, `NotFound`,
        `RegistryError`."""
        wanted = Reference.parse(reference).tagged()
        with self._connections.session():
            return await self._puller.describe(wanted, auth)

    def push(self, name: str, *, platform: str = "", auth: AuthConfig | None = None) -> AsyncGenerator[Progress, None]:
        """Push one tag, or all that a repository has here: see `Pusher.push`."""
        return self._pusher.push(name, platform=platform, auth=auth)

    def registries(self) -> dict[str, object]:
        """What `docker info` shows of the settings of registries."""
        return report(self._connections.settings)

    def use_registries(self, settings: RegistrySettings) -> None:
        """Take up other settings of registries; pulls and pushes under way end with the old ones."""
        self._connections.use(settings)

    async def log_in(self, auth: AuthConfig) -> str:
        """Show credentials to the registry that they name; return a token that stands for them, or "".

        Raises `Unauthorized` when they are refused, `RegistryError` when the registry cannot be reached.
        """
        interrupt = Interrupt()

        def act() -> str:
            from engine.registry.login import log_in

            return log_in(auth, self._connections.settings, self._connections.web(), interrupt)

        with self._connections.session():
            return await interruptible(interrupt, act)

    async def search(self, term: str, *, limit: int, auth: AuthConfig | None = None) -> list[SearchResult]:
        """At most `limit` repositories that fit a term. Raises `RegistryError`."""
        interrupt = Interrupt()

        def act() -> list[SearchResult]:
            from engine.registry.search import search

            return search(term, limit, self._connections.settings, auth, self._connections.web(), interrupt)

        with self._connections.session():
            return await interruptible(interrupt, act)

    async def tag(self, name_or_id: str, repository: str, tag: str) -> None:
        """Give an image one name more; an image that had it loses it. Raises `NoSuchImage`, `BadRequest`."""
        named = Reference.parse(repository)
        reference = tag_of((named.named(tag) if tag else named).canonical)
        async with self._lock:
            image = self.get(name_or_id)
            await self.inventory.claim(image, reference.familiar)
        self._events.publish("image", "tag", image.id, image.event_attributes(reference.familiar))

    async def remove(
        self, name_or_id: str, *, force: bool, used_by: UsedBy, with_parents: bool = True
    ) -> list[ImageDeleteItem]:
        """Take a name away, and with the last name the image and what only it needs on disk; see `Clearer.remove`.

        Raises `NoSuchImage`, `Conflict`.
        """
        cleared = await self._clearer.remove(name_or_id, force=force, used_by=used_by, with_parents=with_parents)
        return cleared.items

    async def prune(
        self, *, only_dangling: bool, used_by: UsedBy, spares: Callable[[Image], bool] = lambda _: False
    ) -> tuple[list[ImageDeleteItem], int]:
        """Remove images that nobody uses, and what nobody needs on disk; see `Clearer.prune`. Return what was removed
        and the bytes that this freed.
        """
        cleared = await self._clearer.prune(only_dangling=only_dangling, used_by=used_by, spares=spares)
        return cleared.items, cleared.freed_bytes

    async def disk_use(self) -> DiskUse:
        """What the images take of the disk."""

        def sizes() -> dict[str, int]:
            return {chain_id: record.size_bytes for chain_id, record in self._layers.records().items()}

        return disk_use(self._images, await anyio.to_thread.run_sync(sizes))

    async def take_in(self, archive: AsyncIterator[bytes], options: ImportOptions) -> str:
        """Make an image of an archive of a file system; return its id. See `taking_in.take_in`."""
        image = await take_in(self.inventory, archive, options)
        self._events.publish("image", "import", image.id, image.event_attributes(image.id))
        return image.id

    def load(
        self, archive: AsyncIterator[bytes], *, platform: str = "", quiet: bool = False
    ) -> AsyncGenerator[Progress, None]:
        """Load every image of an archive; see `Loader.load`."""
        return self._loader.load(archive, platform=platform, quiet=quiet)

    def save(self, wanted: Sequence[str]) -> AsyncGenerator[bytes, None]:
        """An archive of images by name or id. Raises `NoSuchImage` at once; an error later breaks it off."""
        return self._save(choose(self._images, wanted))

    async def _save(self, saved: Sequence[SavedImage]) -> AsyncGenerator[bytes, None]:
        with self.inventory.making():  # nothing of it may be deleted meanwhile
            async with aclosing(streamed(partial(write_archive, self.inventory, saved))) as chunks:
                async for chunk in chunks:
                    yield chunk
        for one in saved:
            self._events.publish("image", "save", one.image.id, one.image.event_attributes(one.image.id))

    async def discard(self, chain_ids: Sequence[str]) -> None:
        """See `Inventory.discard`."""
        await self.inventory.discard(chain_ids)

    def making(self) -> AbstractContextManager[None]:
        """See `Inventory.making`."""
        return self.inventory.making()

    def holding(self, digests: Iterable[str]) -> AbstractContextManager[None]:
        """See `Inventory.holding`."""
        return self.inventory.holding(digests)

    async def add(self, body: bytes, *, tags: Sequence[str] = (), parent: str = "") -> Image:
        """See `Inventory.add`."""
        return await self.inventory.add(body, tags=tags, parent=parent)

    async def recover(self) -> None:
        """Put right what a crash left. Call once, before anything else."""
        await self.inventory.recover()

    def _whole(self, image_id: str) -> Image | None:
        """The image with an id, if nothing of it was taken out of the state directory. Blocks shortly."""
        image = self._images.get(image_id)
        if image is None or not all(self._layers.has(chain_id) for chain_id in image.chain_ids):
            return None
        return image if all(self._content.has(digest) for digest in image.content) else None

    async def _give_names(self, image: Image, reference: Reference, digest: str) -> bool:
        """Record a pulled image under its names; return whether the name stood for something else before."""
        tag = reference.familiar if not reference.digest else ""
        repo_digest = f"{reference.familiar_name}@{digest}"
        async with self._lock:
            # What is known now counts: the image may have lost names, or been removed, since the pull began.
            known = self._images.get(image.id)
            blobs = dict.fromkeys([*image.content, *(known.content if known else ())])
            image = msgspec.structs.replace(
                image,
                repo_tags=known.repo_tags if known else [],
                repo_digests=known.repo_digests if known else [],
                content=[blob for blob in blobs if self._content.has(blob)],
            )
            if not reference.digest and any(repo_digest in other.repo_digests for other in self._images):
                repo_digest = ""  # an index's digest stays with the image that was pulled by it first, as with Docker
            # Put even if nothing is new: it says when it was pulled last, by which clients tell whether to pull again.
            await self.inventory.claim(image, tag, repo_digest)
        return known is None or (tag or repo_digest) not in (*known.repo_tags, *known.repo_digests)
