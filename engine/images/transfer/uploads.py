"""Layers on their way to a registry. One that has no compressed blob yet is packed by one thread (`packing.py`) while
another sends what is there already; the blob stays, so that the next push need not pack it again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio.to_thread

from engine.images.transfer.feed import Feed, short
from engine.images.transfer.following import follow, leave
from engine.images.transfer.packing import Packings
from engine.images.transfer.push_plan import PushLayer
from engine.images.transfer.workers import Workers
from engine.registry.interrupt import Interrupt, Interrupted
from engine.registry.limits import Limits
from engine.registry.manifest import Descriptor
from engine.storage.content import Content
from engine.storage.growing import GrowingFile
from engine.storage.layers import Layers
from engine.wire.images import Progress, ProgressDetail

if TYPE_CHECKING:
    from engine.registry.places import Writer

_BETWEEN_LINES_SECONDS: Final = 0.1


class Uploads:
    """The threads that push, and what they push from. Made once."""

    def __init__(self, content: Content, layers: Layers, limits: Callable[[], Limits] = Limits) -> None:
        self.content = content
        self.packings = Packings(content, layers)
        self.uploaders = Workers("upload", lambda: limits().uploads)

    def start(self, layer: PushLayer, repository: str, writer: Writer, feed: Feed) -> Upload:
        """Queue one layer; `feed` hears of it until `Upload.leave`."""
        upload = Upload(self, layer, repository, writer, feed)
        self.uploaders.submit(upload.run)
        return upload

    async def all(
        self, layers: Sequence[PushLayer], repository: str, writer: Writer, blobs: list[Descriptor]
    ) -> AsyncGenerator[Progress, None]:
        """Bring up what the registry lacks, topmost first, and tell of it in Docker's lines; `blobs` gets what the
        registry then has, lowest first. Raises the first error of a layer.
        """
        feed = Feed()
        # An image may have one layer twice, an empty one usually.
        wanted = list({layer.diff_id: layer for layer in reversed(layers)}.values())
        uploads: dict[str, Upload] = {}
        try:
            for layer in wanted:
                yield _line(layer.diff_id, "Preparing")
            for layer in wanted[self.uploaders.most :]:
                yield _line(layer.diff_id, "Waiting")
            for layer in wanted:
                uploads[layer.diff_id] = self.start(layer, repository, writer, feed)
            async for line in follow(list(uploads.values()), feed):
                yield line
        finally:
            await leave(list(uploads.values()), feed)
        for layer in layers:
            blob = uploads[layer.diff_id].blob
            assert blob is not None  # a settled upload without an error has one
            blobs.append(blob)


class Upload:
    """One layer on its way up. Once it has settled without an error, `blob` is what the registry has of it."""

    def __init__(self, uploads: Uploads, layer: PushLayer, repository: str, writer: Writer, feed: Feed) -> None:
        self.layer = layer
        self.blob = layer.blob
        self.error: BaseException | None = None
        self._uploads = uploads
        self._repository = repository
        self._writer = writer
        self._feed = feed
        self._interrupt = Interrupt()
        self._settled = threading.Event()
        self._told_at = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether the work has ended, well or not."""
        return self._settled.is_set()

    async def wait_settled(self) -> None:
        """Wait until the work has ended."""
        await anyio.to_thread.run_sync(self._settled.wait)

    def leave(self, feed: Feed) -> bool:
        """Call the work off unless it has ended; return whether it was."""
        del feed  # there is only one
        if self.is_settled:
            return False
        self._interrupt.trigger()
        return True

    def run(self) -> None:
        """Do the work. On one of the pool's threads."""
        try:
            self._interrupt.check()
            self._feed.tell(self.layer.diff_id, self._push())
        except BaseException as exc:  # noqa: BLE001 - the push that waits for this layer raises it
            self.error = exc
        finally:
            self._settled.set()
            self._feed.wake()

    def _push(self) -> str:
        blob = self.layer.blob
        if blob is None:
            self._pack_and_push()
            return "Pushed"
        if self._writer.has(self._repository, blob.digest, self._interrupt) is not None:
            return "Layer already exists"
        with _opened(self._uploads.content.path(blob.digest), blob) as source:
            is_mounted = self._writer.push(
                self._repository,
                source,
                self._interrupt,
                lambda done: self._measure(done, blob.size),
                digest=blob.digest,
                mount_from=self.layer.mount_from,
            )
        return f"Mounted from {self.layer.mount_from}" if is_mounted else "Pushed"

    def _pack_and_push(self) -> None:
        with self._uploads.packings.sharing(self.layer, self._measure) as packing:
            try:
                self._writer.push(self._repository, _GrowingSource(packing.file), self._interrupt, lambda _: None)
            except BaseException as exc:
                cause = packing.file.error
                if cause is not None and not isinstance(cause, Interrupted):
                    raise cause from exc
                raise
            self.blob = packing.keep()

    def _measure(self, done_bytes: int, all_bytes: int) -> None:
        now = time.monotonic()
        if now - self._told_at >= _BETWEEN_LINES_SECONDS:
            self._told_at = now
            self._feed.measure(self.layer.diff_id, "Pushing", done_bytes, all_bytes)


class _FileSource:
    """A blob of the content store."""

    def __init__(self, descriptor: int, blob: Descriptor) -> None:
        self._descriptor = descriptor
        self._blob = blob

    @property
    def size_bytes(self) -> int:
        return self._blob.size

    def read_at(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def digest(self) -> str:
        return self._blob.digest


class _GrowingSource:
    """A blob that is being packed."""

    def __init__(self, file: GrowingFile) -> None:
        self._file = file

    @property
    def size_bytes(self) -> int | None:
        return self._file.size_bytes if self._file.is_finished else None

    def read_at(self, offset: int, size: int) -> bytes:
        return self._file.read_at(offset, size)

    def digest(self) -> str:
        return self._file.digest


@contextmanager
def _opened(path: Path, blob: Descriptor) -> Iterator[_FileSource]:
    with path.open("rb", buffering=0) as file:
        yield _FileSource(file.fileno(), blob)


def _line(digest: str, status: str) -> Progress:
    return Progress(id=short(digest), status=status, progress_detail=ProgressDetail())
