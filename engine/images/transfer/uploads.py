"""Layers on their way to a registry, each brought to a place once however many pushes want it there.

One that has no compressed blob yet is packed by one thread (`packing.py`) while another sends what is there already;
the blob stays, so that the next push need not pack it again.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from engine.images.transfer.feed import Feed, short
from engine.images.transfer.following import follow, leave
from engine.images.transfer.packing import Packings
from engine.images.transfer.push_plan import PushLayer, known_blob
from engine.images.transfer.sharing import SharedWork, UnderWay
from engine.images.transfer.workers import Workers
from engine.locks import KeyedLock
from engine.registry.interrupt import Interrupted
from engine.registry.limits import Limits
from engine.registry.manifest import Descriptor
from engine.storage.content import Content
from engine.storage.growing import GrowingFile
from engine.storage.layers import Layers
from engine.wire.images import Progress, ProgressDetail

if TYPE_CHECKING:
    from engine.registry.places import Writer


class Uploads:
    """The threads that push, and what they push from. Made once."""

    def __init__(self, content: Content, layers: Layers, limits: Callable[[], Limits] = Limits) -> None:
        self.content = content
        self.layers = layers
        self.packings = Packings(content, layers)
        self.uploaders = Workers("upload", lambda: limits().uploads)
        self._under_way = UnderWay[Upload]()
        self._closings = KeyedLock()

    def share(self, layer: PushLayer, repository: str, writer: Writer, feed: Feed) -> Upload:
        """The layer's upload, started unless another push has; `feed` hears of it until `Upload.leave`."""
        key = (writer.destination, repository, layer.diff_id)
        return self._under_way.share(key, lambda: Upload(self, layer, repository, writer), feed)

    def closing(self, repository: str, writer: Writer) -> anyio.Lock:
        """To be held around configs and manifests, which come once the layers are up. A registry on a plain file system
        writes anew what says that a repository has a blob, and refuses the manifest that looks there meanwhile.
        """
        return self._closings((writer.destination, repository))

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
                uploads[layer.diff_id] = self.share(layer, repository, writer, feed)
            async for line in follow(list(uploads.values()), feed):
                yield line
        finally:
            await leave(list(uploads.values()), feed)
        for layer in layers:
            blob = uploads[layer.diff_id].blob
            assert blob is not None  # a settled upload without an error has one
            blobs.append(blob)


class Upload(SharedWork):
    """One layer on its way up. Once it has settled without an error, `blob` is what the registry has of it."""

    def __init__(self, uploads: Uploads, layer: PushLayer, repository: str, writer: Writer) -> None:
        super().__init__(layer.diff_id)
        self.layer = layer
        self.blob = layer.blob
        self._uploads = uploads
        self._repository = repository
        self._writer = writer

    def submit(self) -> None:
        """See `SharedWork`."""
        self._uploads.uploaders.submit(self.run)

    def act(self) -> str:
        """See `SharedWork`."""
        if self.blob is None:
            # Another push may have packed it since this one was planned.
            layers = self._uploads.layers
            self.blob = known_blob(layers.record(self.layer.chain_id).blob, self._uploads.content)
        if self.blob is None:
            self._pack_and_push()
            return "Pushed"
        if self._writer.has(self._repository, self.blob.digest, self._interrupt) is not None:
            return "Layer already exists"
        is_mounted = self._push(self.blob)
        return f"Mounted from {self.layer.mount_from}" if is_mounted else "Pushed"

    def _push(self, blob: Descriptor) -> bool:
        with _opened(self._uploads.content.path(blob.digest), blob) as source:
            return self._writer.push(
                self._repository,
                source,
                self._interrupt,
                lambda done: self._measure(done, blob.size),
                digest=blob.digest,
                mount_from=self.layer.mount_from,
            )

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
        self.measure("Pushing", done_bytes, all_bytes)


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
