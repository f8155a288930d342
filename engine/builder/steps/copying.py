"""Putting files where COPY wants them, inside a container's root: no symlink of an image leads out of it. Blocks."""

# ruff: noqa: PTH101, PTH108 - thousands of names, as text

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from engine.builder.context.tree import Entry, Found, Tree, walk
from engine.builder.steps.modes import Mode
from engine.errors import BadRequest
from engine.storage.rooted import resolve_in_root
from engine.storage.sparse import copy_file
from engine.wire.ignore import Ignore

_UNSUPPORTED: Final = frozenset({errno.ENOTSUP, errno.EPERM, errno.ENODATA})
_OVERLAY: Final = "trusted.overlay."


class Source(Struct, frozen=True):
    """One thing to copy. `pivot` is, for `--parents`, the part of its path that stays away; `is_far` says that it was
    fetched from a URL.
    """

    tree: Tree
    found: Found
    pivot: int = 0
    is_far: bool = False


class CopyOrder(Struct, frozen=True):
    """What COPY does with its sources. `owner` None keeps each file's own, and so does `mode`."""

    destination: str
    owner: tuple[int, int] | None = None
    mode: Mode | None = None
    parents: bool = False
    excludes: Ignore = field(default_factory=lambda: Ignore([]))
    is_directory: bool = False


def copy(rootfs: Path, order: CopyOrder, sources: Sequence[Source]) -> None:
    """Copy every source. Raises `BadRequest` where a file and a directory collide, `OSError`."""
    for source in sources:
        _Copier(rootfs, order, source.tree).copy(source)


def make_directory(rootfs: Path, path: str, owner: tuple[int, int] = (0, 0), mode: int = 0o755) -> Path:
    """A directory of a container with its parents, made as far as missing; returns its place on the host.

    Raises `BadRequest` if something else is there.
    """
    place = resolve_in_root(rootfs, path)
    missing = []
    while not place.is_dir():
        if os.path.lexists(place):
            raise BadRequest(f"cannot copy to non-directory: {path}")
        missing.append(place)
        place = place.parent
    for directory in reversed(missing):
        directory.mkdir()
        directory.chmod(mode)
        os.chown(directory, *owner)
    return resolve_in_root(rootfs, path)


class _Copier:
    def __init__(self, rootfs: Path, order: CopyOrder, tree: Tree) -> None:
        self._rootfs = rootfs
        self._order = order
        self._tree = tree
        self._links: dict[tuple[int, int], str] = {}
        self._owner = order.owner or (None if tree.keeps_owners else (0, 0))

    def copy(self, source: Source) -> None:
        found, excludes = source.found, self._order.excludes
        if not found.is_directory and excludes.excludes(posixpath.basename(found.path)):
            return
        target = self._target(source)
        # By an entry's name, where it lies on the host: an image may have a symlink where the source has a directory.
        places = {"": target}
        folders: list[tuple[str, Entry]] = []
        for entry in walk(self._tree, found, excludes):
            parent, name = posixpath.split(entry.name)
            place = f"{self._place(places, parent)}/{name}" if name else target
            if stat.S_ISDIR(entry.status.st_mode):
                places[entry.name], is_new = self._directory(place, entry)
                folders += [(place, entry)] if is_new else []
            else:
                self._file(place, entry)
        # Files made inside changed the directories' times.
        for place, entry in reversed(folders):
            os.utime(place, ns=(entry.status.st_atime_ns, entry.status.st_mtime_ns))

    def _place(self, places: dict[str, str], name: str) -> str:
        """Where a directory lies; one that was excluded while something in it was not is made."""
        if name not in places:
            parent, last = posixpath.split(name)
            places[name] = f"{self._place(places, parent)}/{last}"
            if not os.path.isdir(places[name]):  # noqa: PTH112
                os.mkdir(places[name])  # noqa: PTH102
                os.chown(places[name], *(self._order.owner or (0, 0)))
        return places[name]

    def _target(self, source: Source) -> str:
        """The place for a source: the destination itself, or something in it. Parents are made."""
        order, path = self._order, source.found.path
        owner = order.owner or (0, 0)
        if order.parents:
            whole = posixpath.join(order.destination, path[source.pivot :].strip("/"))
            parent = make_directory(self._rootfs, posixpath.dirname(whole) or "/", owner)
            return str(parent / posixpath.basename(whole))
        if source.found.is_directory:
            mode = self._mode_of(source.found.status.st_mode)
            return str(make_directory(self._rootfs, order.destination, owner, mode))
        if order.is_directory or resolve_in_root(self._rootfs, order.destination).is_dir():
            return str(make_directory(self._rootfs, order.destination, owner) / posixpath.basename(path))
        parent_path, name = posixpath.split(order.destination)
        return str(make_directory(self._rootfs, parent_path or "/", owner) / name)

    def _directory(self, place: str, entry: Entry) -> tuple[str, bool]:
        """Make a directory unless there is one; where it lies, and whether it is new."""
        path = "/" + os.path.relpath(place, self._rootfs)
        if os.path.islink(place):  # noqa: PTH114
            place = str(resolve_in_root(self._rootfs, path))
        if os.path.isdir(place):  # noqa: PTH112
            return place, False
        if os.path.lexists(place):
            raise BadRequest(f"cannot copy to non-directory: {path}")
        os.mkdir(place)  # noqa: PTH102
        self._set_attributes(place, entry)
        return place, True

    def _mode_of(self, mode: int) -> int:
        return stat.S_IMODE(mode) if self._order.mode is None else self._order.mode(mode)

    def _file(self, place: str, entry: Entry) -> None:
        found = entry.status
        if os.path.isdir(place) and not os.path.islink(place):  # noqa: PTH112, PTH114
            raise BadRequest(
                f"cannot copy file over existing directory: /{os.path.relpath(place, self._rootfs)}",
            )
        if os.path.lexists(place):
            os.unlink(place)
        first = self._links.setdefault((found.st_dev, found.st_ino), place) if found.st_nlink > 1 else place
        if first != place:
            os.link(first, place, follow_symlinks=False)
            return
        if stat.S_ISLNK(found.st_mode):
            Path(place).symlink_to(Path(entry.place).readlink())
        elif stat.S_ISREG(found.st_mode):
            copy_file(entry.place, place)
        elif stat.S_ISSOCK(found.st_mode):
            return
        else:
            os.mknod(place, found.st_mode, found.st_rdev)
        self._set_attributes(place, entry)

    def _set_attributes(self, place: str, entry: Entry) -> None:
        found = entry.status
        os.chown(place, *(self._owner or (found.st_uid, found.st_gid)), follow_symlinks=False)
        for name in os.listxattr(entry.place, follow_symlinks=False):
            if not name.startswith(_OVERLAY):
                _copy_attribute(entry.place, place, name)
        if not stat.S_ISLNK(found.st_mode):
            os.chmod(place, self._mode_of(found.st_mode))
        os.utime(place, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)


def _copy_attribute(source: str, target: str, name: str) -> None:
    try:
        os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in _UNSUPPORTED:
            raise
