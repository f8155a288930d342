"""Packing a directory as a layer's archive: the opposite of `unpack`, and equal bytes for an equal directory.

In an upper directory of overlayfs a character device 0/0 becomes `.wh.NAME` and an opaque directory gets an entry
`.wh..wh..opq` (OCI image-spec layer.md). Names come sorted, parents before what is in them; times keep their
fraction; of extended attributes go along what means the same elsewhere. Not packed are the root directory itself
(that of an upper directory is no change), sockets, and names that begin with `.wh.`, which no layer can hold. Holes
of sparse files are packed as zeros: Docker cannot keep an archive that has them otherwise (tar-split).
"""

# ruff: noqa: PTH208, PTH115 - thousands of names, as bytes

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from engine.errors import InvalidLayer
from engine.storage import tarstream
from engine.storage.jail import inside
from engine.storage.sparse import extents
from engine.storage.streaming import Write
from engine.storage.tarstream import Entry
from engine.storage.tarwrite import END, header, padding

_WHITEOUT: Final = b".wh."
_OPAQUE: Final = b".wh..wh..opq"
_OPAQUE_ATTRIBUTES: Final = ("trusted.overlay.opaque", "user.overlay.opaque")
_OVERLAY: Final = ("trusted.overlay.", "user.overlay.")
# Not `security.selinux`, `security.ima` and their like: they belong to the machine, not to the file.
_PORTABLE: Final = ("security.capability", "user.", "trusted.", "system.posix_acl_")
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK: Final = 1 << 20
_ZEROS: Final = bytes(_CHUNK)
_BATCH: Final = 1 << 18
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
_KINDS: Final = {
    stat.S_IFREG: tarstream.FILE,
    stat.S_IFDIR: tarstream.DIRECTORY,
    stat.S_IFLNK: tarstream.SYMLINK,
    stat.S_IFCHR: tarstream.CHARACTER,
    stat.S_IFBLK: tarstream.BLOCK_DEVICE,
    stat.S_IFIFO: tarstream.FIFO,
}


class Packed(Struct, frozen=True):
    """The archive's digest, the bytes of its files, its own, and the paths of the directory that are not in it."""

    diff_id: str
    size_bytes: int
    archive_bytes: int
    left_out: tuple[bytes, ...]


def pack(root: Path, write: Write = lambda _: None, *, is_upper: bool = True) -> Packed:
    """Write a directory to `write`, in pieces, as an uncompressed tar archive. Blocks.

    `is_upper` says that whiteouts and opaque directories mean something. Names are resolved inside `root`, so it may be
    written to meanwhile: what vanishes is left out, what grows is cut, what shrinks is filled up with zeros.
    `write` must not import modules. Raises what it raises, and `OSError`.
    """
    packer = _Packer(write, is_upper=is_upper)
    try:
        inside(root, packer.run)
    except OSError as exc:
        if exc.errno != errno.ENAMETOOLONG:
            raise
        raise InvalidLayer("directory cannot be packed: it is nested too deeply") from exc
    return packer.result()


class _Packer:
    def __init__(self, write: Write, *, is_upper: bool) -> None:
        self._write = write
        self._is_upper = is_upper
        self._hash = hashlib.sha256()
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._links: dict[tuple[int, int], bytes] = {}
        self._left_out: list[bytes] = []
        self._size_bytes = 0
        self._archive_bytes = 0

    def result(self) -> Packed:
        return Packed("sha256:" + self._hash.hexdigest(), self._size_bytes, self._archive_bytes, tuple(self._left_out))

    def run(self) -> None:
        if self._is_upper and is_opaque(b"."):
            self._hide(_OPAQUE)
        waiting = self._listed(b"")
        while waiting:
            path = waiting.pop()
            try:
                found = os.lstat(path)
                if self._add(path, found):
                    waiting += self._listed(path)
            except OSError as exc:
                if exc.errno not in _GONE:
                    raise
        self._put(END)
        self._flush()

    def _listed(self, directory: bytes) -> list[bytes]:
        """What is in a directory, in reverse."""
        prefix = directory + b"/" if directory else b""
        names = sorted(os.listdir(directory or b"."), reverse=True)
        return [path for path in (prefix + name for name in names) if self._is_wanted(path)]

    def _is_wanted(self, path: bytes) -> bool:
        if self._is_upper and path.rpartition(b"/")[2].startswith(_WHITEOUT):
            self._left_out.append(path)
            return False
        return True

    def _add(self, path: bytes, found: os.stat_result) -> bool:
        """Pack one entry; return whether it is a directory."""
        kind = _KINDS.get(stat.S_IFMT(found.st_mode))
        if kind is None:
            self._left_out.append(path)
        elif kind == tarstream.DIRECTORY:
            self._put(header(_entry(path, kind, found, xattrs=_xattrs(path))))
            if self._is_upper and is_opaque(path):
                self._hide(path + b"/" + _OPAQUE)
            return True
        elif self._is_upper and kind == tarstream.CHARACTER and found.st_rdev == 0:
            parent, slash, name = path.rpartition(b"/")
            self._hide(parent + slash + _WHITEOUT + name)
        elif first := self._links.get((found.st_dev, found.st_ino)):
            self._put(header(_entry(path, tarstream.HARD_LINK, found, link=first)))
        else:
            self._add_first(path, kind, found)
        return False

    def _add_first(self, path: bytes, kind: bytes, found: os.stat_result) -> None:
        if kind == tarstream.FILE:
            self._file(path, found)
        else:
            link = os.readlink(path) if kind == tarstream.SYMLINK else b""
            self._size_bytes += len(link)
            self._put(header(_entry(path, kind, found, link=link, xattrs=_xattrs(path))))
        if found.st_nlink > 1:
            self._links[found.st_dev, found.st_ino] = path

    def _hide(self, name: bytes) -> None:
        """A mark for what is hidden. Without times: an unpacked whiteout has none of its own."""
        self._put(header(Entry(name, tarstream.FILE, 0o600, 0, 0, 0, 0, 0, b"", (0, 0))))

    def _file(self, path: bytes, found: os.stat_result) -> None:
        descriptor = os.open(path, _READ)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return  # it was replaced a moment ago
            self._put(header(_entry(path, tarstream.FILE, found, xattrs=_xattrs(descriptor))))
            for piece in _contents(descriptor, found.st_size):
                self._put(piece)
        finally:
            os.close(descriptor)
        self._put(padding(found.st_size))
        self._size_bytes += found.st_size

    def _put(self, data: bytes) -> None:
        self._batch.append(data)
        self._batch_bytes += len(data)
        if self._batch_bytes >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._batch)
        self._batch, self._batch_bytes = [], 0
        self._hash.update(data)
        self._archive_bytes += len(data)
        self._write(data)


def _entry(
    path: bytes, kind: bytes, found: os.stat_result, *, link: bytes = b"", xattrs: dict[bytes, bytes] | None = None
) -> Entry:
    size = found.st_size if kind == tarstream.FILE else 0
    is_device = kind in (tarstream.CHARACTER, tarstream.BLOCK_DEVICE)
    return Entry(
        name=path,
        type=kind,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=size,
        stored=size,
        mtime_ns=found.st_mtime_ns,
        link=link,
        device=(os.major(found.st_rdev), os.minor(found.st_rdev)) if is_device else (0, 0),
        xattrs=xattrs or {},
    )


def _contents(descriptor: int, size_bytes: int) -> Iterator[bytes]:
    """Exactly as many bytes as the file had. Its holes are not read, which would fill the page cache with zeros."""
    at = 0
    for begin, end in extents(descriptor, size_bytes):
        yield from _zeros(begin - at)
        at = begin
        while at < end and (piece := os.pread(descriptor, min(end - at, _CHUNK), at)):
            yield piece
            at += len(piece)
    yield from _zeros(size_bytes - at)


def _zeros(count: int) -> Iterator[bytes]:
    while count >= _CHUNK:
        yield _ZEROS
        count -= _CHUNK
    if count:
        yield bytes(count)


def _xattrs(target: bytes | int) -> dict[bytes, bytes]:
    """The attributes that go along, sorted."""
    is_open = isinstance(target, int)
    try:
        names = os.listxattr(target) if is_open else os.listxattr(target, follow_symlinks=False)
    except OSError as exc:
        if exc.errno != errno.ENOTSUP:
            raise
        return {}
    return {
        os.fsencode(name): os.getxattr(target, name) if is_open else os.getxattr(target, name, follow_symlinks=False)
        for name in sorted(names)
        if name.startswith(_PORTABLE) and not name.startswith(_OVERLAY)
    }


def is_opaque(directory: bytes | int) -> bool:
    """Whether a directory of overlayfs, a name or a descriptor, hides all that is below it."""
    for name in _OPAQUE_ATTRIBUTES:
        try:
            if os.getxattr(directory, name) == b"y":
                return True
        except OSError:
            continue  # the attribute or its kind is not there
    return False
