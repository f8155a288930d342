"""Unpacking a layer's archive into a directory that overlayfs takes as a lower layer.

OCI image-spec layer.md: entries are applied in order, `.wh.NAME` hides NAME of the layers below, `.wh..wh..opq` hides
all that the directory has below. Overlayfs wants the first as a character device 0/0 and the second as the attribute
`trusted.overlay.opaque` (kernel: Documentation/filesystems/overlayfs.rst).

Runs inside the target (`jail.inside`): paths are relative to it and cannot leave it.
"""

# ruff: noqa: PTH101, PTH102, PTH108, PTH211 - thousands of names, as bytes or text

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from engine.errors import InvalidLayer
from engine.storage import tarstream
from engine.storage.compression import Read, decompressed
from engine.storage.jail import inside
from engine.storage.recipe import Recipe
from engine.storage.room import RoomWatch
from engine.storage.sparse import write_whole, write_with_holes
from engine.storage.tarstream import Entry, Stream

_WHITEOUT: Final = b".wh."
_OPAQUE: Final = b".wh..wh..opq"
_AUFS: Final = b".wh..wh."
_OPAQUE_ATTRIBUTE: Final = "trusted.overlay.opaque"
_OVERLAY_ATTRIBUTES: Final = (b"trusted.overlay.", b"user.overlay.")
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_ENTRIES: Final = 5_000_000
# Refused where the file system or our rights lack it; an image must not fail for that (as with Docker).
_UNSUPPORTED: Final = frozenset({errno.ENOTSUP, errno.EPERM, errno.ENODATA})


class Unpacked(Struct, frozen=True):
    """What came out of a layer: the digest of the uncompressed archive, the bytes of its files, and its own."""

    diff_id: str
    size_bytes: int
    archive_bytes: int


def unpack(read: Read, root: Path, recipe: Recipe | None = None) -> Unpacked:
    """Unpack a (compressed) archive into `root`, an empty directory. Blocks.

    `recipe` is written, if there is one, so that the uncompressed archive can be made again. Names are resolved inside
    `root`. Raises `InvalidLayer`, and whatever `read` raises; what was unpacked before the error stays, so the caller
    discards `root`.
    """
    digest = hashlib.sha256()
    room = RoomWatch(root)
    archive_bytes = 0

    def hashed() -> Iterator[bytes]:
        nonlocal archive_bytes
        for piece in decompressed(read):
            digest.update(piece)
            room.take(len(piece))
            archive_bytes += len(piece)
            yield piece

    pieces = hashed()
    first = next(pieces, b"")  # imports what the compression needs while modules are still in sight

    def act() -> int:
        def chained() -> Iterator[bytes]:
            room.move(".")
            yield first
            yield from pieces

        unpacker = Unpacker(Stream(chained(), recipe.literal if recipe else None), recipe=recipe)
        if first:
            unpacker.run()
        if recipe:
            recipe.finish()
        return unpacker.size_bytes

    try:
        size_bytes = inside(root, act)
    except RecursionError:
        raise InvalidLayer("layer cannot be unpacked: its directories are nested too deeply") from None
    except OSError as exc:
        where = f": {_shown(exc.filename)}" if exc.filename else ""
        raise InvalidLayer(f"layer cannot be unpacked: {exc.strerror}{where}") from exc
    return Unpacked("sha256:" + digest.hexdigest(), size_bytes, archive_bytes)


def _shown(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, bytes | str) else "?"


class Unpacker:
    """Unpacks an archive into the working directory of a thread that is inside it (`jail.inside`), all at once or in
    parts. `is_layer` says that names which begin with `.wh.` hide something. `size_bytes` counts the files so far.
    """

    def __init__(self, stream: Stream, *, is_layer: bool = True, recipe: Recipe | None = None) -> None:
        self.size_bytes = 0
        self._stream = stream
        self._recipe = recipe
        self._is_layer = is_layer
        self._entries = enumerate(tarstream.entries(stream))
        self._next: Entry | None = None
        self._directories: dict[bytes, int] = {}  # times to set at the end: a later entry touches its directory
        self._known: set[bytes] = {b""}  # directories that are there for sure

    def run(self, fits: Callable[[Entry], bool] = lambda _: True) -> bool:
        """Unpack until the end, or until an entry does not fit: then return False, and call again, in a directory with
        a copy of what is there by now, to go on with that entry.
        """
        if self._next is not None:
            self._unpack(self._next)
            self._next = None
        for number, entry in self._entries:
            if number >= _MOST_ENTRIES:
                raise InvalidLayer(f"layer has more than {_MOST_ENTRIES} entries")
            if not fits(entry):
                self._next = entry
                return False
            self._unpack(entry)
        for path, mtime_ns in reversed(self._directories.items()):
            os.utime(path or b".", ns=(mtime_ns, mtime_ns), follow_symlinks=False)
        return True

    def _unpack(self, entry: Entry) -> None:
        name = _inside_name(entry.name)
        parent, _, base = name.rpartition(b"/")
        if self._is_layer and base.startswith(_WHITEOUT):
            self._whiteout(parent, base)
            self._stream.skip(entry.stored)
        elif not name:
            self._root(entry)
        else:
            self._entry(entry, name, parent)

    def _root(self, entry: Entry) -> None:
        if entry.type == tarstream.DIRECTORY:
            self._finish_directory(b".", entry)
            self._directories[b""] = entry.mtime_ns
        self._stream.skip(entry.stored)

    def _entry(self, entry: Entry, name: bytes, parent: bytes) -> None:
        self._ensure_directory(parent)
        if maker := _MAKERS.get(entry.type):
            maker(self, entry, name)
        self._stream.skip(entry.stored if entry.type != tarstream.FILE else 0)

    def _ensure_directory(self, path: bytes) -> None:
        missing = []
        while path not in self._known:
            missing.append(path)
            path = path.rpartition(b"/")[0]
        for directory in reversed(missing):
            try:
                _make_parent(directory)
            except FileExistsError:
                self._existing_parent(directory)
            self._known.add(directory)

    def _existing_parent(self, path: bytes) -> None:
        found = os.lstat(path)
        if _is_whiteout(found):
            os.unlink(path)
            _make_parent(path)
            _make_opaque(path)
        elif not stat.S_ISDIR(found.st_mode) and not stat.S_ISLNK(found.st_mode):
            raise InvalidLayer(f"{_shown(path)} is a file and a directory at once")
        # A symlink is followed, inside the root, as tar does.

    def _whiteout(self, parent: bytes, base: bytes) -> None:
        self._ensure_directory(parent)
        if base == _OPAQUE:
            _make_opaque(parent or b".")
            return
        hidden = base[len(_WHITEOUT) :]
        if base.startswith(_AUFS) or not hidden:
            return  # AUFS keeps its own books under such names
        if hidden in (b".", b".."):
            raise InvalidLayer(f"whiteout of {_shown(hidden)}")
        path = parent + b"/" + hidden if parent else hidden
        try:
            os.mknod(path, stat.S_IFCHR, 0)
        except FileExistsError:
            # A whiteout hides only what is below; what this layer itself has there stays (layer.md).
            if stat.S_ISDIR(os.lstat(path).st_mode):
                _make_opaque(path)

    def _vacate(self, path: bytes) -> None:
        """Make room for an entry that replaces an earlier one of the same name."""
        self._spoil_recipe()
        found = os.lstat(path)
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(path)
            inner = path + b"/"
            self._known = {known for known in self._known if known != path and not known.startswith(inner)}
            self._directories = {
                known: mtime_ns
                for known, mtime_ns in self._directories.items()
                if known != path and not known.startswith(inner)
            }
        else:
            os.unlink(path)

    def _spoil_recipe(self) -> None:
        if self._recipe is not None:
            self._recipe.spoil()

    def _retrying(self, path: bytes, make: Callable[[], None]) -> None:
        try:
            make()
        except FileExistsError:
            self._vacate(path)
            make()

    def _file(self, entry: Entry, path: bytes) -> None:
        mode = entry.mode
        try:
            descriptor = os.open(path, _CREATE, mode)
        except FileExistsError:
            self._vacate(path)
            descriptor = os.open(path, _CREATE, mode)
        try:
            if entry.extents is None:
                write_with_holes(descriptor, self._stream.pieces(entry.stored))
                if self._recipe is not None:
                    self._recipe.file(path, entry.stored)
            else:
                self._spoil_recipe()
                self._sparse(descriptor, entry)
            if _is_anothers(entry, os.fstat(descriptor)):
                os.fchown(descriptor, entry.uid, entry.gid)
                if mode & 0o6000:
                    os.fchmod(descriptor, mode)  # a change of owner takes the set-id bits away
            if entry.xattrs:
                _set_xattrs(descriptor, entry)
            os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(descriptor)
        self.size_bytes += entry.size

    def _sparse(self, descriptor: int, entry: Entry) -> None:
        for offset, length in entry.extents or ():
            os.lseek(descriptor, offset, os.SEEK_SET)
            for piece in self._stream.pieces(length):
                write_whole(descriptor, piece)
        os.ftruncate(descriptor, entry.size)

    def _directory(self, entry: Entry, path: bytes) -> None:
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            found = os.lstat(path)
            if not stat.S_ISDIR(found.st_mode):
                self._spoil_recipe()
                os.unlink(path)
                os.mkdir(path, 0o700)
                if _is_whiteout(found):
                    _make_opaque(path)
        self._finish_directory(path, entry)
        self._known.add(path)
        self._directories[path] = entry.mtime_ns

    def _finish_directory(self, path: bytes, entry: Entry) -> None:
        os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        os.chmod(path, entry.mode)
        _set_xattrs(path, entry)

    def _symlink(self, entry: Entry, path: bytes) -> None:
        self._retrying(path, lambda: os.symlink(entry.link, path))
        self.size_bytes += len(entry.link)
        if _is_anothers(entry, os.lstat(path)):
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        _set_xattrs(path, entry)
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)

    def _hard_link(self, entry: Entry, path: bytes) -> None:
        target = _inside_name(entry.link)
        if target == path:
            return
        try:
            self._retrying(path, lambda: os.link(target, path, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise InvalidLayer(f"{_shown(path)} is a link to {_shown(target)}, which is not in the layer") from exc

    def _node(self, entry: Entry, path: bytes) -> None:
        kind = {
            tarstream.CHARACTER: stat.S_IFCHR,
            tarstream.BLOCK_DEVICE: stat.S_IFBLK,
            tarstream.FIFO: stat.S_IFIFO,
        }[entry.type]
        self._retrying(path, lambda: os.mknod(path, kind | entry.mode, os.makedev(*entry.device)))
        if _is_anothers(entry, os.lstat(path)):
            os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
            os.chmod(path, entry.mode)
        _set_xattrs(path, entry)
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)


_MAKERS: Final[dict[bytes, Callable[[Unpacker, Entry, bytes], None]]] = {
    tarstream.FILE: Unpacker._file,
    tarstream.DIRECTORY: Unpacker._directory,
    tarstream.SYMLINK: Unpacker._symlink,
    tarstream.HARD_LINK: Unpacker._hard_link,
    tarstream.CHARACTER: Unpacker._node,
    tarstream.BLOCK_DEVICE: Unpacker._node,
    tarstream.FIFO: Unpacker._node,
}


def _inside_name(name: bytes) -> bytes:
    """A name without leading slash, dots and doubled slashes. Raises `InvalidLayer` for one that climbs out."""
    if name.startswith((b"/", b"./", b"../")) or b"/." in name or b"//" in name or name.endswith(b"/") or name == b".":
        parts: list[bytes] = []
        for part in name.split(b"/"):
            if part == b"..":
                if not parts:
                    raise InvalidLayer(f"{_shown(name)} lies outside of the layer")
                parts.pop()
            elif part not in (b"", b"."):
                parts.append(part)
        return b"/".join(parts)
    if name == b"..":
        raise InvalidLayer(".. lies outside of the layer")
    return name


def _is_anothers(entry: Entry, made: os.stat_result) -> bool:
    """Whether a file that was just made belongs to others than it should: a directory may hand its group down."""
    return (entry.uid, entry.gid) != (made.st_uid, made.st_gid)


def _make_parent(path: bytes) -> None:
    """Make a directory that the archive does not name: root's, whatever the one around it hands down."""
    os.mkdir(path, 0o755)
    os.chown(path, 0, 0, follow_symlinks=False)
    os.chmod(path, 0o755)


def _is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def _make_opaque(path: bytes) -> None:
    os.setxattr(path, _OPAQUE_ATTRIBUTE, b"y", follow_symlinks=False)


def _set_xattrs(target: bytes | int, entry: Entry) -> None:
    for name, value in entry.xattrs.items():
        if name.startswith(_OVERLAY_ATTRIBUTES):
            continue  # orders to overlayfs come from us only
        try:
            if isinstance(target, int):
                os.setxattr(target, name, value)
            else:
                os.setxattr(target, name, value, follow_symlinks=False)
        except OSError as exc:
            if exc.errno not in _UNSUPPORTED:
                raise
