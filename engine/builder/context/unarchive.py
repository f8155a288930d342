"""ADD of a local archive: recognised by its contents, unpacked inside the container's root. Blocks."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Final

from engine.containers.files.tarball import read_into
from engine.errors import BadRequest
from engine.storage.compression import decompressed
from engine.storage.jail import inside

_MAGIC: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_TAR_MAGIC: Final = (257, b"ustar")


def is_archive(path: Path) -> bool:
    """Whether a file is a tar archive, plain or compressed with gzip, bzip2, xz or zstd."""
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(_ZSTD):
        with path.open("rb") as file:
            first = next(decompressed(file.read), b"")
        return is_plain_tar(first)
    if start.startswith(_MAGIC):
        return tarfile.is_tarfile(path)
    return is_plain_tar(start)


def unpack_archive(path: Path, rootfs: Path, destination: str, owner: tuple[int, int] | None) -> None:
    """Unpack into a directory of a container, which is there. Raises `BadRequest` for a broken archive.

    Files keep the owners that the archive gives them, unless `owner` says otherwise.
    """
    with path.open("rb") as file:
        source: IO[bytes] = _Decompressed(file) if file.peek(4).startswith(_ZSTD) else file  # type: ignore[assignment]
        try:
            inside(rootfs, partial(_unpack, destination, source, owner))
        except tarfile.TarError as exc:
            raise BadRequest(f"{path.name}: the archive cannot be read: {exc}") from exc


def _unpack(destination: str, source: IO[bytes], owner: tuple[int, int] | None) -> None:
    read_into(destination, source, is_strict=False)
    if owner is not None:
        for folder, _, names in os.walk(destination):
            for name in (folder, *(f"{folder}/{item}" for item in names)):
                os.chown(name, *owner, follow_symlinks=False)


def is_plain_tar(start: bytes) -> bool:
    """Whether a file that begins so is a tar archive that is not compressed."""
    offset, magic = _TAR_MAGIC
    return start[offset : offset + len(magic)] == magic


class _Decompressed:
    """A zstd file as a plain one, read in pieces."""

    def __init__(self, file: IO[bytes]) -> None:
        self._chunks: Iterator[bytes] = decompressed(file.read)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._rest += chunk
        data, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return data
