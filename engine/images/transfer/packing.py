"""Layers that are packed for a push, each once however many pushes want it, into blobs that grow while others read.

The work belongs to the pushes that wait for it: when the last of them goes away, it is called off and leaves nothing.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from engine.images.transfer.push_plan import PushLayer
from engine.registry.interrupt import Interrupt, Interrupted
from engine.registry.manifest import DOCKER_LAYER, Descriptor
from engine.storage.compression import decompressed, gzip_compressor
from engine.storage.content import Content
from engine.storage.growing import Reader
from engine.storage.layers import Layers
from engine.storage.streaming import Write

_PACKERS: Final = 2
Measure = Callable[[int, int], None]
"""Is told how many bytes of how many are packed."""


class Packings:
    """The layers that are being packed, by chain id. Made once; threads may share it."""

    def __init__(self, content: Content, layers: Layers) -> None:
        self.content = content
        self.layers = layers
        self._packers = ThreadPoolExecutor(_PACKERS, thread_name_prefix="pack")
        self._lock = threading.Lock()
        self._under_way: dict[str, Packing] = {}

    @contextlib.contextmanager
    def sharing(self, layer: PushLayer, measure: Measure) -> Iterator[Packing]:
        """The layer's packing, begun unless another push has; `measure` hears of it. At the end of the last such block
        it is called off, if it has not ended, and what it made goes, unless somebody asked to `keep` it.
        """
        with self._lock:
            packing = self._under_way.get(layer.chain_id)
            reader = packing.join(measure) if packing is not None else None
            if packing is None or reader is None:
                packing = Packing(self, layer)
                reader = packing.join(measure)
                self._under_way[layer.chain_id] = packing
                packing.start(self._packers)
        try:
            yield packing
        finally:
            if packing.leave(measure):
                self._forget(packing)
            if reader is not None:
                reader.close()

    def _forget(self, packing: Packing) -> None:
        with self._lock:
            if self._under_way.get(packing.layer.chain_id) is packing:
                del self._under_way[packing.layer.chain_id]


class Packing:
    """One layer on its way into a blob. `file` is what there is of it by now, for those who share the packing."""

    def __init__(self, packings: Packings, layer: PushLayer) -> None:
        self.layer = layer
        self._content, self._layers = packings.content, packings.layers
        self._blob = self._content.adding()
        self.file = self._blob.__enter__()  # left by `keep` or by the last `leave`, on whatever thread
        self._interrupt = Interrupt()
        self._lock = threading.Lock()
        self._measures: list[Measure] = []
        self._work: Future[None] = Future()
        self._is_kept = False

    def start(self, packers: ThreadPoolExecutor) -> None:
        """Queue the work."""
        self._work = packers.submit(self._run)

    def join(self, measure: Measure) -> Reader | None:
        """Have somebody told how far it is; what they return keeps the file open. None when it is too late."""
        with self._lock:
            if self._interrupt.is_triggered:
                return None
            self._measures.append(measure)
            return self.file.reader()

    def leave(self, measure: Measure) -> bool:
        """Tell no more; return whether that was the last one. Then it has ended and cleaned up."""
        with self._lock:
            self._measures.remove(measure)
            if self._measures:
                return False
            self._interrupt.trigger()  # the packer must not write to a file that is about to go
        if not self._work.cancel():
            wait([self._work])
        if not self._is_kept:
            error = Interrupted("called off")
            self._blob.__exit__(Interrupted, error, None)
        return True

    def keep(self) -> Descriptor:
        """Wait for the end and keep the blob; the layer then has it. Raises what packing raised."""
        self._work.result()
        with self._lock:
            if not self._is_kept:
                self._is_kept = True
                self._blob.__exit__(None, None, None)
                self._layers.note_blob(self.layer.chain_id, self.file.digest)
        return Descriptor(self.file.digest, self.file.size_bytes, DOCKER_LAYER)

    def _run(self) -> None:
        try:
            self._interrupt.check()
            self._pack()
        except BaseException as exc:
            self.file.fail(exc)
            raise
        self.file.finish()

    def _pack(self) -> None:
        compressor = gzip_compressor()
        packed_bytes = 0

        def write(data: bytes) -> None:
            nonlocal packed_bytes
            self._interrupt.check()
            if compressed := compressor.compress(data):
                self.file.write(compressed)
            packed_bytes += len(data)
            for measure in list(self._measures):
                measure(packed_bytes, self.layer.size_bytes)

        self._write_archive(write)
        self.file.write(compressor.flush())

    def _write_archive(self, write: Write) -> None:
        """The layer's archive, uncompressed: from its plain blob if there is one, else from its files."""
        blob = self._layers.record(self.layer.chain_id).blob
        if blob and self._content.has(blob):
            with self._content.path(blob).open("rb", buffering=0) as file:
                for piece in decompressed(file.read):
                    write(piece)
            return
        self._layers.pack(self.layer.chain_id, write)
