"""What a layer's archive holds beside the contents of its files, so that the archive can be made again, byte for byte.

An archive that came in uncompressed need not be kept: its files are there, unpacked, and its headers, in their order
and whatever program wrote them, are its recipe, a few dozen bytes for each file. It is a zlib stream of records:

    L <length: 8 bytes>                        that many bytes of the archive follow
    F <length: 8 bytes> <length: 4 bytes>      a name of that second length follows, of a file that has the next bytes
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from engine.errors import InvalidLayer
from engine.storage.jail import inside
from engine.storage.streaming import Write
from engine.storage.tarstream import Stream

_LITERAL: Final = b"L"
_FILE: Final = b"F"
_LENGTH: Final = struct.Struct(">Q")
_FILE_HEAD: Final = struct.Struct(">QL")
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_BATCH_BYTES: Final = 1 << 18
_CHUNK_BYTES: Final = 1 << 20
_LEVEL: Final = 1  # headers are mostly zeros and digits: more effort gains little


class Recipe:
    """Written while an archive is unpacked. `is_usable` says whether the archive can be made of it and the files: not
    if one file of the archive replaced another, or if one has holes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.is_usable = True
        self._file = file
        self._compressor = zlib.compressobj(_LEVEL)
        self._batch: list[bytes] = []
        self._batch_bytes = 0

    def literal(self, data: bytes | memoryview) -> None:
        """These bytes of the archive are in none of its files."""
        self._batch.append(bytes(data))
        self._batch_bytes += len(data)
        if self._batch_bytes >= _BATCH_BYTES:
            self._flush()

    def file(self, path: bytes, size_bytes: int) -> None:
        """Then comes what is in the file of that name."""
        if size_bytes:
            self._flush()
            self._put(_FILE + _FILE_HEAD.pack(size_bytes, len(path)) + path)

    def spoil(self) -> None:
        """The archive cannot be made again."""
        self.is_usable = False

    def finish(self) -> None:
        """Write what is left."""
        self._flush()
        self._file.write(self._compressor.flush())

    def _flush(self) -> None:
        if self._batch:
            data = b"".join(self._batch)
            self._batch, self._batch_bytes = [], 0
            self._put(_LITERAL + _LENGTH.pack(len(data)) + data)

    def _put(self, record: bytes) -> None:
        if self.is_usable:
            self._file.write(self._compressor.compress(record))


def follow(recipe: Path, root: Path, write: Write) -> str:
    """Write the archive whose files are in `root` to `write`, in pieces; return its digest. Blocks.

    `write` must not import modules. Raises what it raises, `OSError`, and `InvalidLayer` when a file has changed.
    """
    digest = hashlib.sha256()

    def put(data: bytes) -> None:
        digest.update(data)
        write(data)

    with recipe.open("rb") as file:
        inside(root, lambda: _make(_Records(file), put))
    return f"sha256:{digest.hexdigest()}"


def _make(records: _Records, put: Write) -> None:
    while kind := records.take(1):
        if kind == _FILE:
            size_bytes, name_bytes = _FILE_HEAD.unpack(records.exactly(_FILE_HEAD.size))
            _copy(records.exactly(name_bytes), size_bytes, put)
            continue
        (rest,) = _LENGTH.unpack(records.exactly(_LENGTH.size))
        while rest:
            piece = records.exactly(min(rest, _CHUNK_BYTES))
            put(piece)
            rest -= len(piece)


def _copy(path: bytes, size_bytes: int, put: Write) -> None:
    descriptor = os.open(path, _READ)
    try:
        while size_bytes:
            piece = os.read(descriptor, min(size_bytes, _CHUNK_BYTES))
            if not piece:
                raise InvalidLayer(f"{os.fsdecode(path)!r} is shorter than it was", hint="pull or load the image again")
            put(piece)
            size_bytes -= len(piece)
    finally:
        os.close(descriptor)


class _Records:
    """The uncompressed bytes of a recipe."""

    def __init__(self, file: BinaryIO) -> None:
        self._stream = Stream(_inflated(file))

    def take(self, size: int) -> bytes:
        """As many bytes, fewer at the end."""
        return self._stream.take(size)

    def exactly(self, size: int) -> bytes:
        """As many bytes. Raises `InvalidLayer` when they are not there."""
        data = self.take(size)
        if len(data) < size:
            raise InvalidLayer("a layer's recipe is damaged", hint="pull or load the image again")
        return data


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    try:
        while data := inflater.unconsumed_tail or file.read(_BATCH_BYTES):
            if piece := inflater.decompress(data, _CHUNK_BYTES):
                yield piece
        if piece := inflater.flush():
            yield piece
    except zlib.error as exc:
        raise InvalidLayer(f"a layer's recipe is damaged: {exc}", hint="pull or load the image again") from exc
