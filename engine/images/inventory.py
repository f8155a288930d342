"""What images there are: their records, their names, and what of the disk they need.

Layers are made before the image that needs them is known, so whoever makes some does it inside `making`:

    with inventory.making():
        layer = await anyio.to_thread.run_sync(partial(inventory.layers.capture, upper, chain, moves=True))
        image = await inventory.add(encode_configuration(configuration), tags=["shop/web:1"])

What a crash leaves of it goes with the next start (`recover`).
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import anyio
import anyio.to_thread
import msgspec

from engine.errors import BadRequest, EngineError, InvalidLayer, NotFound
from engine.events.bus import EventBus
from engine.images import names
from engine.images.configuration import Configuration, parse_configuration
from engine.images.older import note_blobs
from engine.images.record import Image, image_of
from engine.registry.reference import Reference
from engine.state.paths import Paths
from engine.state.store import Store
from engine.storage.compression import decompressed
from engine.storage.content import Content, digest_of
from engine.storage.deletion import delete_all
from engine.storage.layers import LayerRecord, Layers, chain_ids
from engine.storage.snapshots import Snapshots
from engine.storage.streaming import Write

Needed = Callable[[], Iterable[str]]


class Inventory:
    """The images, by id. Lives on one event loop; `lock` is for changes of records and for deleting what they need."""

    def __init__(self, paths: Paths, store: Store, events: EventBus) -> None:
        self.images = store.table("image", Image)
        self.content = Content(paths.content)
        self.layers = Layers(paths.layers)
        self.lock = anyio.Lock()
        self._events = events
        self._snapshots = Snapshots(paths)
        self._keepers: list[Needed] = []
        self._makers = 0
        self._held: Counter[str] = Counter()
        self._postponed: set[str] = set()

    def keep(self, needed: Needed) -> None:
        """Have what `needed()` says, chain ids of layers and digests of blobs, never deleted; it is asked each time.

        For those who need layers without an image, such as a build's cache. Call before `recover`.
        """
        self._keepers.append(needed)

    @contextmanager
    def making(self) -> Iterator[None]:
        """Around the making of layers and of the image that needs them: meanwhile no layer and no blob is deleted."""
        self._makers += 1
        try:
            yield
        finally:
            self._makers -= 1

    @contextmanager
    def holding(self, digests: Iterable[str]) -> Iterator[None]:
        """Keep layers (by chain id) and blobs from being deleted while the block lasts: those that were there when it
        began, and those that come.
        """
        held = list(digests)
        self._held.update(held)
        try:
            yield
        finally:
            self._held.subtract(held)
            self._held += Counter()  # drops what is at zero

    async def add(
        self, body: bytes, *, tags: Sequence[str] = (), parent: str = "", tells: Collection[str] = ("create", "tag")
    ) -> Image:
        """Record an image whose layers are there. `body` is its config as JSON, whose digest becomes its id; `tags`
        are names that it is given, taken from whichever image had them; `parent` is the image it was made from.
        `tells` are the kinds of events that listeners hear of it.

        An image that is there already only gets the names. Raises `BadRequest` for a name that is none,
        `RegistryError` for a config that cannot be read, `NotFound` when a layer is not there; then nothing is done.
        """
        image_id = digest_of(body)
        configuration = parse_configuration(image_id, body)
        references = [tag_of(tag) for tag in tags]
        async with self.lock:
            image = self.images.get(image_id)
            is_new = image is None
            if image is None:
                made = await anyio.to_thread.run_sync(self._keep_config, body, configuration)
                image = msgspec.structs.replace(made, parent=parent)
                await self.images.put(image)
            for reference in references:
                image = await self.claim(image, reference.familiar)
        if is_new and "create" in tells:
            self._events.publish("image", "create", image_id, image.event_attributes(image_id))
        for reference in references if "tag" in tells else ():
            self._events.publish("image", "tag", image_id, image.event_attributes(reference.familiar))
        return image

    async def claim(self, image: Image, tag: str, digest: str = "") -> Image:
        """Put an image with a tag and a digest more, unless they are empty, and then take them from the image that had
        them (in this order: see `recover`). Only with the lock held.
        """
        named = names.named(image, tag=tag, digest=digest, tagged_ns=time.time_ns())
        await self.images.put(named)
        for other in self.images:
            if other.id != image.id and (tag in other.repo_tags or digest in other.repo_digests):
                await self.images.put(names.without(other, {tag, digest}))
        return named

    async def link(self, image_id: str, parent: str) -> None:
        """Note what an image was made from, if both are there and its layers agree."""
        async with self.lock:
            image, base = self.images.get(image_id), self.images.get(parent)
            if image is None or base is None or image.id == base.id or image.parent:
                return
            if image.diff_ids[: len(base.diff_ids)] == base.diff_ids:
                await self.images.put(msgspec.structs.replace(image, parent=parent))

    def write_layer(self, chain_id: str, write: Write) -> None:
        """Write a layer's uncompressed archive: that of its blob, or else one that is made of its files. Blocks.

        Raises `InvalidLayer` when neither gives what the layer's digest says.
        """
        record = self.layers.record(chain_id)
        if not record.blob or not self.content.has(record.blob):
            self.layers.pack(chain_id, write)
            return
        digest = hashlib.sha256()
        with self.content.path(record.blob).open("rb", buffering=0) as blob:
            for piece in decompressed(blob.read):
                digest.update(piece)
                write(piece)
        if f"sha256:{digest.hexdigest()}" != record.diff_id:
            raise InvalidLayer(f"the blob of layer {record.diff_id} is damaged", hint="pull or build the image again")

    async def recover(self) -> None:
        """Put right what a crash left: half-made layers and blobs go, and those that were made for an image or a
        container that was not recorded any more; what was pulled stays for the next try. A name of two images goes
        to the newer. Call once, before anything else.
        """
        await anyio.to_thread.run_sync(self.content.sweep)
        await anyio.to_thread.run_sync(self.layers.sweep)
        records = await anyio.to_thread.run_sync(self.layers.records)
        await anyio.to_thread.run_sync(note_blobs, list(self.images), records, self.content, self.layers)
        await anyio.to_thread.run_sync(self._delete_orphans, records, self.needed_layers(), self.needed_blobs())
        taken: set[str] = set()
        for image in sorted(self.images, key=lambda image: image.tagged_ns, reverse=True):
            own = {*image.repo_tags, *image.repo_digests}
            if twice := own & taken:
                await self.images.put(names.without(image, twice))
            taken |= own

    async def free(self, chain_ids: Iterable[str], blobs: Iterable[str]) -> tuple[list[str], int]:
        """Delete those layers and blobs that nobody needs; return the layers that went and the bytes that this freed.

        Only with the lock held. While something is being made nothing is deleted, but by the next call.
        """
        layers, unneeded = dict.fromkeys(chain_ids), dict.fromkeys(blobs)
        in_use = await anyio.to_thread.run_sync(self._snapshots.layers_in_use)
        if self._makers:
            self._postponed.update(layers, unneeded)
            return [], 0
        # From here to `set_aside` nothing else runs on the loop: who needs something from then on finds it gone.
        needed_layers, needed_blobs = self.needed_layers() | in_use, self.needed_blobs()
        layers.update(dict.fromkeys(self._postponed))
        unneeded.update(dict.fromkeys(self._postponed))
        self._postponed.clear()
        gone, trash, freed = self.layers.set_aside(one for one in layers if one not in needed_layers)
        more_trash, more_freed = self.content.set_aside(one for one in unneeded if one not in needed_blobs)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(delete_all, [*trash, *more_trash])
        return gone, freed + more_freed

    async def discard(self, chain_ids: Iterable[str], blobs: Iterable[str] = ()) -> None:
        """Delete what was made for an image that is not going to be, unless somebody needs it. For undoing: also when
        the caller is being cancelled. Not inside `making`.
        """
        with anyio.CancelScope(shield=True):
            async with self.lock:
                await self.free(chain_ids, blobs)

    def needed_layers(self) -> frozenset[str]:
        """The layers of all images, and those that somebody keeps."""
        own = (chain_id for image in self.images for chain_id in image.chain_ids)
        return frozenset(own) | self._kept()

    def needed_blobs(self) -> frozenset[str]:
        """The blobs of all images, and those that somebody keeps."""
        return frozenset(digest for image in self.images for digest in image.content) | self._kept()

    def _kept(self) -> frozenset[str]:
        return frozenset(self._held).union(*(needed() for needed in self._keepers))

    def _keep_config(self, body: bytes, configuration: Configuration) -> Image:
        chain = chain_ids(configuration.rootfs.diff_ids)
        if missing := [chain_id for chain_id in chain if not self.layers.has(chain_id)]:
            raise NotFound(f"layer {missing[0]} is not there")
        records = [self.layers.record(chain_id) for chain_id in chain]
        image_id = digest_of(body)
        try:
            self.content.put(image_id, body)
        except OSError as exc:
            raise EngineError(f"image cannot be stored: {exc.strerror}", hint="is the disk full?") from exc
        return image_of(
            configuration,
            image_id,
            size_bytes=sum(record.size_bytes for record in records),
            content=[image_id, *(record.blob for record in records if record.blob and self.content.has(record.blob))],
        )

    def _delete_orphans(
        self, records: Mapping[str, LayerRecord], needed_layers: frozenset[str], needed_blobs: frozenset[str]
    ) -> None:
        pulled = {chain_id: record for chain_id, record in records.items() if not record.is_local}
        needed = needed_layers | self._snapshots.layers_in_use() | pulled.keys()
        self.layers.remove([chain_id for chain_id in self.layers.chain_ids() if chain_id not in needed])
        kept_blobs = needed_blobs | {record.blob for record in pulled.values()}
        self.content.remove([digest for digest in self.content.digests() if digest not in kept_blobs])


def tag_of(name: str) -> Reference:
    """A name that an image can be given, `latest` by default. Raises `BadRequest`."""
    reference = Reference.parse(name).tagged()
    if reference.digest:
        raise BadRequest("refusing to create a tag with a digest reference")
    return reference
