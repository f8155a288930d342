"""What is kept of a loaded layer's archive, from which `save` and `push` take its bytes later.

A compressed archive is kept as it is. A plain one is compressed while its files are unpacked, which costs less than
writing it whole; and not kept at all when its files pack to the very same bytes, as those of our own archives do.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from engine.images.bundle import Spooled
from engine.registry.interrupt import Interrupt
from engine.storage.compression import gzip_compressor, kind_of
from engine.storage.content import Content
from engine.storage.pack import pack

_MAGIC_BYTES: Final = 4
_CHUNK_BYTES: Final = 1 << 20


class Keeper:
    """Keeps one archive. Its context is entered when unpacking begins and left when the layer is there, or not."""

    def __init__(self, content: Content, archive: Spooled, interrupt: Interrupt) -> None:
        self.blob = ""
        self._content = content
        self._archive = archive
        self._interrupt = interrupt
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="compress")
        self._decided = threading.Event()
        self._is_wanted = False
        with archive.path.open("rb") as file:
            self._is_plain = not kind_of(file.read(_MAGIC_BYTES))

    def __enter__(self) -> Keeper:
        if self._is_plain:
            self._compressing = self._pool.submit(self._compress)
        return self

    def __exit__(self, *_: object) -> None:
        self._decided.set()
        self._pool.shutdown()

    def keep(self, files: Path) -> str:
        """Keep the archive of which these are the files, if need be; return the digest of its blob, or ""."""
        if not self._is_plain:
            self._content.adopt(self._archive.path, self._archive.digest)
            self.blob = self._archive.digest
        elif not _is_packed_to(files, self._archive.path):
            self._is_wanted = True
            self._decided.set()
            self.blob = self._compressing.result()
        return self.blob

    def _compress(self) -> str:
        compressor = gzip_compressor()
        try:
            with self._content.adding() as blob, self._archive.path.open("rb", buffering=0) as file:
                while data := file.read(_CHUNK_BYTES):
                    self._check()
                    blob.write(compressor.compress(data))
                blob.write(compressor.flush())
                self._decided.wait()
                self._check()
        except _Unwanted:
            return ""
        return blob.digest

    def _check(self) -> None:
        self._interrupt.check()
        if self._decided.is_set() and not self._is_wanted:
            raise _Unwanted


class _Unwanted(Exception):
    """The blob is not needed: it must not stay."""


class _Differs(Exception):
    """The files' archive is another one."""


def _is_packed_to(files: Path, archive: Path) -> bool:
    """Whether packing the files gives that very archive; usually the first header tells that it does not."""
    with archive.open("rb") as expected:

        def compare(data: bytes) -> None:
            if expected.read(len(data)) != data:
                raise _Differs

        try:
            pack(files, compare)
        except _Differs:
            return False
        return not expected.read(1)
