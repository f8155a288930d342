"""Layers on their way from a registry to the disk, each fetched and unpacked once however many pulls want it.

A layer's blob is written to the content store by one thread and unpacked by another while it grows. The work belongs
to the pulls that wait for it: when the last of them goes away, it is called off and leaves nothing half-made.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from msgspec import Struct

from engine.images.transfer.feed import Feed
from engine.images.transfer.sharing import SharedWork, UnderWay
from engine.images.transfer.workers import Workers
from engine.registry.limits import Limits
from engine.registry.manifest import Descriptor
from engine.storage.content import Content, CorruptBlob
from engine.storage.layers import Layers

if TYPE_CHECKING:
    from engine.registry.places import BlobReader

_UNPACKERS: Final = 3


class LayerOrder(Struct, frozen=True):
    """One layer that an image needs and where its blob is to be had."""

    chain_id: str
    diff_id: str
    blob: Descriptor
    repository: str
    client: BlobReader


class Transfers:
    """The layers on their way, by chain id. Made once; `share` is for the event loop's thread."""

    def __init__(self, content: Content, layers: Layers, limits: Callable[[], Limits] = Limits) -> None:
        self.content = content
        self.layers = layers
        self.downloaders = Workers("download", lambda: limits().downloads)
        self.unpackers = ThreadPoolExecutor(_UNPACKERS, thread_name_prefix="unpack")
        self._on_their_way = UnderWay[Transfer]()
        self._lock = threading.Lock()
        self._blob_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()

    def share(self, order: LayerOrder, feed: Feed) -> Transfer:
        """The layer's transfer, started unless another pull has; `feed` hears of it until `Transfer.leave`."""
        return self._on_their_way.share(order.chain_id, lambda: Transfer(self, order), feed)

    def lacks(self, order: LayerOrder) -> bool:
        """Whether the layer is not there, or its blob has gone lost, from which it came. Blocks shortly."""
        if not self.layers.has(order.chain_id):
            return True
        record = self.layers.record(order.chain_id)
        # Engines of before did not note the blob of a pulled layer (`older.py`).
        came_from = record.blob or ("" if record.is_local else order.blob.digest)
        return came_from == order.blob.digest and not self.content.has(order.blob.digest)

    @contextlib.contextmanager
    def alone_with(self, digest: str) -> Iterator[None]:
        """One thread at a time fetches a blob: two layers of different parents may be the same archive."""
        with self._lock:
            lock = self._blob_locks.setdefault(digest, threading.Lock())
        with lock:
            yield


class Transfer(SharedWork):
    """One layer on its way."""

    def __init__(self, transfers: Transfers, order: LayerOrder) -> None:
        super().__init__(order.blob.digest)
        self.order = order
        self._transfers = transfers
        self._is_downloading = False

    def submit(self) -> None:
        """See `SharedWork`."""
        self._transfers.downloaders.submit(self.run)

    def act(self) -> str:
        """See `SharedWork`."""
        self._fetch()
        return "Pull complete"

    def _fetch(self) -> None:
        order, transfers = self.order, self._transfers
        if not transfers.lacks(order):
            return
        with transfers.alone_with(order.blob.digest):
            if transfers.layers.has(order.chain_id):
                self._download()
                transfers.layers.note_blob(order.chain_id, order.blob.digest)
                return
            if not transfers.content.has(order.blob.digest):
                try:
                    self._download_and_unpack()
                except CorruptBlob:
                    order.client.distrust()  # a broken mirror must not keep us from the next, or from the registry
                    self._download_and_unpack()
                return
        with transfers.content.path(order.blob.digest).open("rb", buffering=0) as blob:
            self._unpack(blob.read)

    def _download(self) -> None:
        blob, transfers = self.order.blob, self._transfers
        with transfers.content.writing(blob.digest, blob.size) as file:
            for chunk in self.order.client.blob(self.order.repository, blob, self._interrupt):
                file.write(chunk)
                self.measure("Downloading", file.size_bytes, blob.size)
        self.tell("Download complete")

    def _download_and_unpack(self) -> None:
        blob, transfers = self.order.blob, self._transfers
        with contextlib.ExitStack() as stack:
            with transfers.content.writing(blob.digest, blob.size) as file:
                self._is_downloading = True
                reader = file.reader()
                stack.callback(reader.close)
                unpacking = transfers.unpackers.submit(self._unpack, reader.read)
                # Also after a failed download: the unpacker then has failed too, and has removed what it made.
                stack.callback(_await_end, unpacking)
                for chunk in self.order.client.blob(self.order.repository, blob, self._interrupt):
                    file.write(chunk)
                    self.measure("Downloading", file.size_bytes, blob.size)
                self._is_downloading = False
                self.tell("Verifying Checksum")
            self.tell("Download complete")
            unpacking.result()

    def _unpack(self, read: Callable[[int], bytes]) -> None:
        done = 0

        def watched(size: int) -> bytes:
            nonlocal done
            self._interrupt.check()
            data = read(size)
            done += len(data)
            if not self._is_downloading:
                self.measure("Extracting", done, self.order.blob.size)
            return data

        self._transfers.layers.add(self.order.chain_id, self.order.diff_id, watched, blob=self.order.blob.digest)


def _await_end(work: Future[None]) -> None:
    if not work.cancel():
        work.exception()
