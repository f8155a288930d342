"""The image service: the one place that knows which images there are."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing

import anyio
import anyio.to_thread
import msgspec

from engine.errors import BadRequest
from engine.events.bus import EventBus
from engine.images import describe, names
from engine.images.pull import Puller
from engine.images.record import Image
from engine.images.removal import plan_removal
from engine.images.transfers import Transfers
from engine.registry.reference import Reference
from engine.registry.settings import RegistrySettings
from engine.state.paths import Paths
from engine.state.store import Store
from engine.storage.content import Content
from engine.storage.layers import Layers
from engine.storage.snapshots import Snapshots
from engine.wire.images import (
    AuthConfig,
    DistributionInspect,
    HistoryItem,
    ImageDeleteItem,
    ImageInspect,
    ImageSummary,
    Progress,
)

__all__ = ["Image", "ImageService"]

UsedBy = Callable[[str], Sequence[str]]


class ImageService:
    """Images by name and id; pulling, naming and removing them. Lives on one event loop."""

    def __init__(self, paths: Paths, store: Store, events: EventBus, registries: RegistrySettings) -> None:
        self._images = store.table("image", Image)
        self._events = events
        self._content = Content(paths.content)
        self._layers = Layers(paths.layers)
        self._snapshots = Snapshots(paths)
        self._puller = Puller(registries, Transfers(self._content, self._layers))
        self._lock = anyio.Lock()

    def get(self, name_or_id: str) -> Image:
        """The image with that name, id or unambiguous prefix of an id. Raises `NoSuchImage`, `BadRequest`."""
        return names.find(self._images, name_or_id)

    def all(self) -> list[Image]:
        """Every image, the oldest pull first."""
        return list(self._images)

    def inspect(self, image: Image) -> ImageInspect:
        """What `docker image inspect` shows."""
        return describe.inspect(image, self._layers.path)

    def summary(self, image: Image) -> ImageSummary:
        """What `docker images` shows."""
        return describe.summary(image)

    def history(self, image: Image) -> list[HistoryItem]:
        """What `docker history` shows, newest step first."""
        return describe.history(image, self._layers.size_bytes)

    async def pull(
        self, reference: str, *, platform: str = "", auth: AuthConfig | None = None
    ) -> AsyncGenerator[Progress, None]:
        """Pull an image and yield Docker's lines about it; when it ends, `get` knows the image.

        Stopping early, in whatever way, calls off what no other pull needs and leaves only whole layers and blobs.
        Raises `BadRequest` and `NotFound` before the first line, `RegistryError`, `InvalidLayer` at any point.
        """
        wanted = Reference.parse(reference).tagged()
        with self._puller.session():
            plan = await self._puller.resolve(wanted, platform, auth)
            yield Progress(id=wanted.tag or wanted.digest, status=f"Pulling from {wanted.repository}")
            with self._puller.wanting(plan):
                image = self._whole(plan.image_id)
                if image is None:
                    async with aclosing(self._puller.fetch(plan)) as lines:
                        async for line in lines:
                            yield line
                    image = await anyio.to_thread.run_sync(self._puller.measure, plan)
                is_new = await self._give_names(image, wanted, plan.resolved.digest)
        self._events.publish("image", "pull", wanted.familiar, {"name": wanted.familiar_name})
        yield Progress(status=f"Digest: {plan.resolved.digest}")
        outcome = "Downloaded newer image for" if is_new else "Image is up to date for"
        yield Progress(status=f"Status: {outcome} {wanted.familiar}")

    async def distribution(self, reference: str, *, auth: AuthConfig | None = None) -> DistributionInspect:
        """What a reference stands for in its registry; nothing is kept. Raises `BadRequest`, `NotFound`,
        `RegistryError`."""
        wanted = Reference.parse(reference).tagged()
        with self._puller.session():
            return await self._puller.describe(wanted, auth)

    async def tag(self, name_or_id: str, repository: str, tag: str) -> None:
        """Give an image one name more; an image that had it loses it. Raises `NoSuchImage`, `BadRequest`."""
        image = self.get(name_or_id)
        reference = Reference.parse(f"{repository}:{tag}" if tag else repository).tagged()
        if reference.digest:
            raise BadRequest("refusing to create a tag with a digest reference")
        async with self._lock:
            await self._claim(names.named(image, tag=reference.familiar, tagged_ns=time.time_ns()), reference.familiar)
        self._events.publish("image", "tag", image.id, {"name": reference.familiar})

    async def remove(self, name_or_id: str, *, force: bool, used_by: UsedBy) -> list[ImageDeleteItem]:
        """Take a name away, and with the last name the image and what only it needs on disk.

        `used_by(image id)` are the ids of the containers made from it. Raises `NoSuchImage`, `Conflict`.
        """
        items, _ = await self._remove(name_or_id, force=force, used_by=used_by)
        return items

    async def _remove(self, name_or_id: str, *, force: bool, used_by: UsedBy) -> tuple[list[ImageDeleteItem], int]:
        freed = 0
        async with self._lock:
            image = self.get(name_or_id)
            removal = plan_removal(image, name_or_id, force=force, users=used_by(image.id))
            items = [ImageDeleteItem(untagged=name) for name in removal.untagged]
            if removal.deletes:
                await self._images.delete(image.id)
                items.append(ImageDeleteItem(deleted=image.id))
                gone, freed = await self._sweep(image)
                items += [ImageDeleteItem(deleted=chain_id) for chain_id in gone]
            else:
                for name in removal.untagged:
                    image = names.unnamed(image, name)
                await self._images.put(image)
        for _ in removal.untagged:
            self._events.publish("image", "untag", image.id, {"name": image.id})
        if removal.deletes:
            self._events.publish("image", "delete", image.id, {"name": image.id})
        return items, freed

    async def prune(self, *, only_dangling: bool, used_by: UsedBy) -> tuple[list[ImageDeleteItem], int]:
        """Remove images that no container uses (by default only those without a tag), then layers and blobs that no
        image and no container needs. Return what was removed and the bytes that this freed.
        """
        items: list[ImageDeleteItem] = []
        total = 0
        for image in self.all():
            if not used_by(image.id) and not (only_dangling and image.repo_tags):
                removed, freed_bytes = await self._remove(image.id, force=True, used_by=used_by)
                items += removed
                total += freed_bytes
        async with self._lock:
            gone, freed = await anyio.to_thread.run_sync(
                self._delete, self._unneeded(self._layers.chain_ids(), self._needed_layers()), self._spare_blobs()
            )
        known = {item.deleted for item in items}
        return [
            *items,
            *(ImageDeleteItem(deleted=chain_id) for chain_id in gone if chain_id not in known),
        ], total + freed

    async def recover(self) -> None:
        """Put right what a crash left: half-made downloads and layers go, a name of two images goes to the newer.

        Call once, before anything else.
        """
        await anyio.to_thread.run_sync(self._content.sweep)
        await anyio.to_thread.run_sync(self._layers.sweep)
        owners: dict[str, Image] = {}
        for image in sorted(self._images, key=lambda image: image.tagged_ns):
            for tag in image.repo_tags:
                if tag in owners:
                    await self._images.put(names.unnamed(owners[tag], tag))
                owners[tag] = image

    def _whole(self, image_id: str) -> Image | None:
        image = self._images.get(image_id)
        if image is None or not all(self._layers.has(chain_id) for chain_id in image.chain_ids):
            return None
        return image

    async def _give_names(self, image: Image, reference: Reference, digest: str) -> bool:
        """Record a pulled image under its names; return whether the name stood for something else before."""
        async with self._lock:
            known = self._images.get(image.id)
            if known is not None:
                blobs = [*image.content, *(blob for blob in known.content if blob not in image.content)]
                image = msgspec.structs.replace(
                    image,
                    repo_tags=known.repo_tags,
                    repo_digests=known.repo_digests,
                    content=blobs,
                    tagged_ns=known.tagged_ns,
                )
            tag = reference.familiar if not reference.digest else ""
            is_new = known is None or (bool(tag) and tag not in known.repo_tags)
            repo_digest = f"{reference.familiar_name}@{digest}"
            if is_new or image != known or repo_digest not in image.repo_digests:
                named = names.named(image, tag=tag, digest=repo_digest, tagged_ns=time.time_ns())
                await self._claim(named, tag)
        return is_new

    async def _claim(self, image: Image, tag: str) -> None:
        """Put an image, then take its new tag from whichever image had it (in this order: see `recover`)."""
        await self._images.put(image)
        for other in self._images:
            if tag and other.id != image.id and tag in other.repo_tags:
                await self._images.put(
                    msgspec.structs.replace(other, repo_tags=[name for name in other.repo_tags if name != tag])
                )

    async def _sweep(self, image: Image) -> tuple[list[str], int]:
        """Delete what only a removed image needed; return the layers that went, topmost first, and the bytes freed."""
        needed_blobs = self._needed_blobs()
        blobs = [digest for digest in image.content if digest not in needed_blobs]
        return await anyio.to_thread.run_sync(
            self._delete, self._unneeded(reversed(image.chain_ids), self._needed_layers()), blobs
        )

    def _delete(self, layers: list[str], blobs: list[str]) -> tuple[list[str], int]:
        in_use = self._snapshots.layers_in_use()
        gone = [chain_id for chain_id in layers if chain_id not in in_use]
        return gone, self._layers.remove(gone) + self._content.remove(blobs)

    def _unneeded(self, layers: Iterable[str], needed: frozenset[str]) -> list[str]:
        return [chain_id for chain_id in layers if chain_id not in needed]

    def _needed_layers(self) -> frozenset[str]:
        own = (chain_id for image in self._images for chain_id in image.chain_ids)
        return frozenset(own) | self._puller.wanted

    def _needed_blobs(self) -> frozenset[str]:
        return frozenset(digest for image in self._images for digest in image.content) | self._puller.wanted

    def _spare_blobs(self) -> list[str]:
        needed = self._needed_blobs()
        return [digest for digest in self._content.digests() if digest not in needed]
