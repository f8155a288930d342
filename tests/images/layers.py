"""Packing image layers: compressed tar files with the digests that manifests name."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

# Any fixed moment will do: the same files then give the same digest on every machine.
EPOCH = 1_700_000_000

# Left behind by package tools; `LISTS` are kept on disk for the next image but belong in none.
_LEFT_OUT = frozenset({
    "setup", "usr/sbin/policy-rc.d", "etc/hostname", "etc/resolv.conf", "var/log/dpkg.log", "var/log/alternatives.log",
    "var/cache/ldconfig/aux-cache", "var/lib/dpkg/status-old",
})  # fmt: skip
_EMPTIED = frozenset({"proc", "sys", "dev", "run", "tmp", "var/lib/apt/lists", "var/cache/apt", "var/log/apt"})


GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"


@dataclass(frozen=True, slots=True)
class Layer:
    """A compressed layer in the file `blob`."""

    blob: Path
    digest: str
    size_bytes: int
    diff_id: str
    media_type: str = GZIP


class _Packer(io.RawIOBase):
    """A file object that compresses and hashes what a tar writer gives it."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._compress = zlib.compressobj(level=4, wbits=31)
        self._plain = hashlib.sha256()
        self._packed = hashlib.sha256()
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # tarfile only writes bytes
        self._plain.update(data)
        self._out(self._compress.compress(data))
        return len(data)

    def finish(self, blob: Path) -> Layer:
        self._out(self._compress.flush())
        self._target.close()
        return Layer(blob, f"sha256:{self._packed.hexdigest()}", self._size, f"sha256:{self._plain.hexdigest()}")

    def _out(self, data: bytes) -> None:
        self._packed.update(data)
        self._size += self._target.write(data)


def as_zstd(layer: Layer) -> Layer:
    """The same layer in the newer compression, in a file next to it."""
    blob = layer.blob.with_suffix(".zst")
    with gzip.open(layer.blob) as plain, zstandard.open(blob, "wb") as packed:
        shutil.copyfileobj(plain, packed)
    with blob.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Layer(blob, f"sha256:{digest}", blob.stat().st_size, layer.diff_id, ZSTD)


def pack_tree(root: Path, blob: Path) -> Layer:
    """Pack a directory tree: a whole root, or the upper directory of an overlay with its whiteouts."""
    packer = _Packer(blob.open("wb"))
    first_names: dict[tuple[int, int], str] = {}
    with tarfile.open(fileobj=packer, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path, name in _walk(root, ""):
            _add(archive, path, name, first_names)
    return packer.finish(blob)


def pack_files(files: Mapping[str, tuple[int, bytes]], links: Mapping[str, str], blob: Path) -> Layer:
    """Pack files, name -> (mode, content), and symbolic links, name -> target, with their directories."""
    packer = _Packer(blob.open("wb"))
    with tarfile.open(fileobj=packer, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name in _directories([*files, *links]):
            archive.addfile(_entry(name, 0o1777 if name == "tmp" else 0o755, tarfile.DIRTYPE))
        for name, (mode, content) in sorted(files.items()):
            entry = _entry(name, mode, tarfile.REGTYPE)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in sorted(links.items()):
            entry = _entry(name, 0o777, tarfile.SYMTYPE)
            entry.linkname = target
            archive.addfile(entry)
    return packer.finish(blob)


def _directories(names: Iterable[str]) -> list[str]:
    found = {"tmp", "root"}
    for name in names:
        found.update(str(parent) for parent in Path(name).parents)
    return sorted(found - {"."})


def _entry(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.type, entry.mtime = mode, kind, EPOCH
    return entry


def _walk(root: Path, inside: str) -> Iterator[tuple[Path, str]]:
    for found in sorted(os.scandir(root / inside), key=lambda each: each.name):
        name = f"{inside}/{found.name}".lstrip("/")
        if name in _LEFT_OUT:
            continue
        yield Path(found.path), name
        if found.is_dir(follow_symlinks=False) and name not in _EMPTIED:
            yield from _walk(root, name)


def _add(archive: tarfile.TarFile, path: Path, name: str, first_names: dict[tuple[int, int], str]) -> None:
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFSOCK:
        return
    if kind == stat.S_IFCHR and status.st_rdev == 0:
        parent, _, base = name.rpartition("/")
        archive.addfile(_entry(f"{parent}/.wh.{base}".lstrip("/"), 0o644, tarfile.REGTYPE))
        return
    entry = archive.gettarinfo(path, arcname=name)
    entry.mtime, entry.uname, entry.gname = min(int(status.st_mtime), EPOCH), "", ""
    if kind == stat.S_IFREG:
        _add_regular(archive, path, entry, first_names.setdefault((status.st_dev, status.st_ino), name))
        return
    archive.addfile(entry)
    if kind == stat.S_IFDIR and _attribute(path, "trusted.overlay.opaque") == b"y":
        archive.addfile(_entry(f"{name}/.wh..wh..opq", 0o644, tarfile.REGTYPE))


def _add_regular(archive: tarfile.TarFile, path: Path, entry: tarfile.TarInfo, first_name: str) -> None:
    if first_name != entry.name:
        entry.type, entry.linkname, entry.size = tarfile.LNKTYPE, first_name, 0
        archive.addfile(entry)
        return
    entry.type, entry.size = tarfile.REGTYPE, path.stat().st_size
    if capability := _attribute(path, "security.capability"):
        entry.pax_headers = {"SCHILY.xattr.security.capability": capability.decode("latin-1")}
    with path.open("rb") as content:
        archive.addfile(entry, content)


def _attribute(path: Path, name: str) -> bytes:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return b""
