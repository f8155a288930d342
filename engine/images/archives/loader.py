"""`docker load`: archives of images into the inventory.

An archive says what it is only at its end, so it is first spooled into files. Then its layers are unpacked, those that
are not there yet, by a few threads; then its images are recorded. Whatever fails before that, or stops it, leaves
nothing behind.
"""

from __future__ import annotations

import errno
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from engine.events.bus import EventBus
from engine.images.archives.bundle import Bundle, spool
from engine.images.archives.loading import LayerFile, LoadedImage, plan_load
from engine.images.inventory import Inventory
from engine.images.transfer.feed import Feed
from engine.images.transfer.following import follow, leave
from engine.registry.interrupt import Interrupt
from engine.storage.compression import kind_of
from engine.storage.deletion import delete_tree
from engine.storage.room import NoRoom
from engine.storage.streaming import consumed
from engine.wire.images import Progress

_UNPACKERS: Final = 3
_MAGIC_BYTES: Final = 4
_SPOOL: Final = ".tmp-load-"  # one of the names that `Layers.sweep` clears away after a crash
_BETWEEN_LINES_SECONDS: Final = 0.1


class Loader:
    """Loads archives. Made once."""

    def __init__(self, inventory: Inventory, events: EventBus) -> None:
        self._inventory = inventory
        self._events = events
        self._unpackers = ThreadPoolExecutor(_UNPACKERS, thread_name_prefix="load")

    async def load(
        self, archive: AsyncIterator[bytes], *, platform: str = "", quiet: bool = False
    ) -> AsyncGenerator[Progress, None]:
        """Load every image of an archive (plain or compressed) and tell about it in Docker's lines.

        Raises `InvalidArchive`, `InvalidLayer`, `NoRoom`, `BrokenOff`; then nothing of the archive stays.
        """
        works: list[Unpacking] = []
        is_done = False
        directory = Path(await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix=_SPOOL, dir=self._root)))
        try:
            with self._inventory.making():
                images = plan_load(await _spooled(archive, directory), platform)
                works += [Unpacking(self._inventory, layer) for layer in self._missing(images)]
                async with aclosing(self._unpack(works, quiet=quiet)) as lines:
                    async for line in lines:
                        yield line
                for image in images:
                    for line in await self._record(image):
                        yield line
                await self._link_parents(images)
                is_done = True
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(delete_tree, directory)
                if not is_done:
                    blobs = [work.blob for work in works if work.blob]
                    await self._inventory.discard([work.layer.chain_id for work in works], blobs)

    @property
    def _root(self) -> Path:
        return self._inventory.layers.root

    def _missing(self, images: Iterable[LoadedImage]) -> list[LayerFile]:
        """The layers that are not there, each once, in order."""
        wanted = {layer.chain_id: layer for image in images for layer in image.layers}
        return [layer for layer in wanted.values() if not self._inventory.layers.has(layer.chain_id)]

    async def _unpack(self, works: list[Unpacking], *, quiet: bool) -> AsyncGenerator[Progress, None]:
        feed = Feed()
        try:
            for work in works:
                work.start(self._unpackers, feed)
            async for line in follow(works, feed):
                if not quiet:
                    yield line
        finally:
            await leave(works, feed)

    async def _record(self, loaded: LoadedImage) -> list[Progress]:
        """Record an image whose layers are there; return what is to be told about it."""
        told = []
        for tag in loaded.tags:
            for other in self._inventory.images:
                if tag in other.repo_tags and other.id != loaded.id:
                    told.append(
                        f"The image {tag} already exists, renaming the old one with ID {other.id} to empty string"
                    )
            told.append(f"Loaded image: {tag}")
        image = await self._inventory.add(loaded.body, tags=loaded.tags, tells=())
        self._events.publish("image", "load", image.id, image.event_attributes(image.id))
        return [Progress(stream=f"{text}\n") for text in told or [f"Loaded image ID: {image.id}"]]

    async def _link_parents(self, images: Iterable[LoadedImage]) -> None:
        for image in images:
            if image.parent:
                await self._inventory.link(image.id, image.parent)


class Unpacking:
    """One layer on its way from a spooled file to the layers: a `Work`. `blob` is what was kept of its archive."""

    def __init__(self, inventory: Inventory, layer: LayerFile) -> None:
        self.layer = layer
        self.blob = ""
        self.error: BaseException | None = None
        self._layers, self._content = inventory.layers, inventory.content
        self._interrupt = Interrupt()
        self._settled = threading.Event()
        self._feed: Feed | None = None
        self._told_at = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether the work has ended, well or not, and cleaned up."""
        return self._settled.is_set() or self._feed is None

    def start(self, pool: ThreadPoolExecutor, feed: Feed) -> None:
        """Queue the work."""
        self._feed = feed
        pool.submit(self._run)

    def leave(self, feed: Feed) -> bool:
        """Call the work off, unless it has ended; return whether that was so."""
        is_abandoned = not self.is_settled
        self._interrupt.trigger()
        return is_abandoned

    async def wait_settled(self) -> None:
        """Wait until the work has ended."""
        await anyio.to_thread.run_sync(self._settled.wait)

    def _run(self) -> None:
        try:
            self._interrupt.check()
            self._unpack()
        except BaseException as exc:  # noqa: BLE001 - raised again by who follows
            self.error = NoRoom() if isinstance(exc, OSError) and exc.errno == errno.ENOSPC else exc
        finally:
            self._settled.set()
            if self._feed is not None:
                self._feed.wake()

    def _unpack(self) -> None:
        layer = self.layer
        with layer.file.path.open("rb", 0) as file:
            done_bytes = 0

            def read(size: int) -> bytes:
                nonlocal done_bytes
                self._interrupt.check()
                data = file.read(size)
                done_bytes += len(data)
                self._measure(done_bytes)
                return data

            # A compressed archive is kept, because its image may be known to registries by it. A plain one only if it
            # cannot be made again: nothing is compressed before somebody pushes it.
            blob = self._keep() if _is_compressed(layer.file.path) else ""
            keep = None if blob else self._keep
            self._layers.add(layer.chain_id, layer.diff_id, read, blob=blob, keep=keep, is_local=True)

    def _keep(self) -> str:
        self.blob = self.layer.file.digest
        self._content.adopt(self.layer.file.path, self.blob)
        return self.blob

    def _measure(self, done_bytes: int) -> None:
        now = time.monotonic()
        if self._feed is not None and now - self._told_at >= _BETWEEN_LINES_SECONDS:
            self._told_at = now
            self._feed.measure(self.layer.diff_id, "Loading layer", done_bytes, self.layer.file.size_bytes)


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return bool(kind_of(file.read(_MAGIC_BYTES)))


async def _spooled(archive: AsyncIterator[bytes], directory: Path) -> Bundle:
    try:
        return await consumed(archive, lambda read: spool(read, directory))
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise NoRoom from exc
        raise
