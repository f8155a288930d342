"""Layers on their way from a registry to the disk, each fetched and unpacked once however many pulls want it.

A layer's blob is written to the content store by one thread and unpacked by another while it grows. The work belongs
to the pulls that wait for it: when the last of them goes away, it is called off and leaves nothing half-made.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import anyio
from msgspec import Struct

from engine.images.transfer.feed import Feed
from engine.images.transfer.workers import Workers
from engine.registry.interrupt import Interrupt
from engine.registry.limits import Limits
from engine.registry.manifest import Descriptor
from engine.storage.content import Content, CorruptBlob
from engine.storage.layers import Layers

if TYPE_CHECKING:
    from engine.registry.places import BlobReader

_UNPACKERS: Final = 3
_BETWEEN_LINES_SECONDS: Final = 0.1


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
        self._lock = threading.Lock()
        self._on_their_way: dict[str, Transfer] = {}
        self._blob_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()

    def share(self, order: LayerOrder, feed: Feed) -> Transfer:
        """The layer's transfer, started unless another pull has; `feed` hears of it until `Transfer.leave`."""
        with self._lock:
            transfer = self._on_their_way.get(order.chain_id)
            if transfer is not None and transfer.join(feed):
                return transfer
            transfer = Transfer(self, order)
            transfer.join(feed)
            self._on_their_way[order.chain_id] = transfer
        transfer.start()
        return transfer

    def lacks(self, order: LayerOrder) -> bool:
        """Whether the layer is not there, or its blob has gone lost, from which it came. Blocks shortly."""
        if not self.layers.has(order.chain_id):
            return True
        record = self.layers.record(order.chain_id)
        # Engines of before did not note the blob of a pulled layer (`older.py`).
        came_from = record.blob or ("" if record.is_local else order.blob.digest)
        return came_from == order.blob.digest and not self.content.has(order.blob.digest)

    def forget(self, transfer: Transfer) -> None:
        """Take a transfer that has ended out of the books."""
        with self._lock:
            if self._on_their_way.get(transfer.order.chain_id) is transfer:
                del self._on_their_way[transfer.order.chain_id]

    @contextlib.contextmanager
    def alone_with(self, digest: str) -> Iterator[None]:
        """One thread at a time fetches a blob: two layers of different parents may be the same archive."""
        with self._lock:
            lock = self._blob_locks.setdefault(digest, threading.Lock())
        with lock:
            yield


class Transfer:
    """One layer on its way. It has ended when `is_settled`; then `error` says how."""

    def __init__(self, transfers: Transfers, order: LayerOrder) -> None:
        self.order = order
        self.error: BaseException | None = None
        self._transfers = transfers
        self._interrupt = Interrupt()
        self._lock = threading.Lock()
        self._feeds: list[Feed] = []
        self._settled = threading.Event()
        self._told_at = 0.0
        self._is_downloading = False

    def join(self, feed: Feed) -> bool:
        """Have a feed told of this transfer; False when it is too late because it was called off."""
        with self._lock:
            if self._interrupt.is_triggered or self._settled.is_set():
                return False
            self._feeds.append(feed)
        return True

    def leave(self, feed: Feed) -> bool:
        """Stop telling a feed. When none is left, the work is called off; return whether it was."""
        with self._lock:
            if feed in self._feeds:
                self._feeds.remove(feed)
            is_abandoned = not self._feeds and not self._settled.is_set()
        if is_abandoned:
            self._interrupt.trigger()
        return is_abandoned

    @property
    def is_settled(self) -> bool:
        """Whether the work has ended, well or not, and cleaned up."""
        return self._settled.is_set()

    async def wait_settled(self) -> None:
        """Wait until the work has ended."""
        await anyio.to_thread.run_sync(self._settled.wait)

    def start(self) -> None:
        """Queue the work."""
        self._transfers.downloaders.submit(self._run)

    def _run(self) -> None:
        try:
            self._fetch()
        except BaseException as exc:  # noqa: BLE001 - every pull that waits for this layer raises it
            self.error = exc
        else:
            self._tell("Pull complete")
        finally:
            self._transfers.forget(self)
            with self._lock:
                self._settled.set()
                feeds = list(self._feeds)
            for feed in feeds:
                feed.wake()

    def _fetch(self) -> None:
        order, transfers = self.order, self._transfers
        self._interrupt.check()
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
                self._measure("Downloading", file.size_bytes)
        self._tell("Download complete")

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
                    self._measure("Downloading", file.size_bytes)
                self._is_downloading = False
                self._tell("Verifying Checksum")
            self._tell("Download complete")
            unpacking.result()

    def _unpack(self, read: Callable[[int], bytes]) -> None:
        done = 0

        def watched(size: int) -> bytes:
            nonlocal done
            self._interrupt.check()
            data = read(size)
            done += len(data)
            if not self._is_downloading:
                self._measure("Extracting", done)
            return data

        self._transfers.layers.add(self.order.chain_id, self.order.diff_id, watched, blob=self.order.blob.digest)

    def _tell(self, status: str) -> None:
        for feed in self._listening():
            feed.tell(self.order.blob.digest, status)

    def _measure(self, status: str, done_bytes: int) -> None:
        now = time.monotonic()
        if now - self._told_at < _BETWEEN_LINES_SECONDS:
            return
        self._told_at = now
        for feed in self._listening():
            feed.measure(self.order.blob.digest, status, done_bytes, self.order.blob.size)

    def _listening(self) -> list[Feed]:
        with self._lock:
            return list(self._feeds)


def _await_end(work: Future[None]) -> None:
    if not work.cancel():
        work.exception()
