"""What an upper directory of overlayfs changes in the layers below it (`docker diff`).

The directory may be in use meanwhile: it is read from inside (`jail.inside`), the layers, which never change, through
descriptors that were opened before.
"""

# ruff: noqa: PTH208 - names as bytes

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path

from msgspec import Struct

from engine.storage.jail import inside
from engine.storage.pack import is_opaque


class Kind(IntEnum):
    """What happened to a path, in the API's numbers."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


class Change(Struct, frozen=True):
    """One changed path, relative to the root."""

    path: bytes
    kind: Kind


def changes(upper: Path, layers: Sequence[Path]) -> list[Change]:
    """The changes in `upper`, sorted by path; `layers` are the directories below it, lowest first. Blocks.

    A directory counts as changed with its own mode, owner or time, or with what is in it. Raises `OSError`.
    """
    with _opened(layers) as below:
        return inside(upper, lambda: list(_Comparison(below).changes()))


@contextlib.contextmanager
def _opened(layers: Sequence[Path]) -> Iterator[tuple[int, ...]]:
    with contextlib.ExitStack() as stack:
        descriptors = []
        for layer in reversed(layers):
            descriptors.append(os.open(layer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
            stack.callback(os.close, descriptors[-1])
        yield tuple(descriptors)


class _Comparison:
    """The upper directory is the thread's root; `below` are the layers' descriptors, topmost first."""

    def __init__(self, below: tuple[int, ...]) -> None:
        self._below: dict[bytes, tuple[int, ...]] = {b"": below}

    def changes(self) -> Iterator[Change]:
        return self._changes_in(b"")

    def _changes_in(self, directory: bytes) -> Iterator[Change]:
        waiting = self._listed(directory)
        unsaid: list[bytes] = []  # directories above that are as they were, as long as nothing in them changed
        while waiting:
            path = waiting.pop()
            while unsaid and not path.startswith(unsaid[-1] + b"/"):
                unsaid.pop()
            found = _stat(path)
            if found is None:
                continue
            kind = self._kind(path, found)
            if kind is not None:
                yield from (Change(above, Kind.MODIFIED) for above in unsaid)
                unsaid.clear()
                yield Change(path, kind)
            if stat.S_ISDIR(found.st_mode):
                if kind is None:
                    unsaid.append(path)
                waiting += self._listed(path)

    def _listed(self, directory: bytes) -> list[bytes]:
        prefix = directory + b"/" if directory else b""
        try:
            names = sorted(os.listdir(directory or b"."), reverse=True)
        except (FileNotFoundError, NotADirectoryError):
            return []  # the container has just replaced it
        return [prefix + name for name in names]

    def _kind(self, path: bytes, found: os.stat_result) -> Kind | None:
        old = self._old(path)
        if _is_whiteout(found):
            return Kind.DELETED if old else None
        if old is None:
            return Kind.ADDED
        if stat.S_ISDIR(found.st_mode) and _is_same(found, old) and not is_opaque(path):
            return None
        return Kind.MODIFIED

    def _old(self, path: bytes) -> os.stat_result | None:
        """What the layers have at a path."""
        for descriptor in self._holders(path.rpartition(b"/")[0]):
            found = _stat(path, descriptor)
            if found is not None:
                return None if _is_whiteout(found) else found
        return None

    def _holders(self, directory: bytes) -> tuple[int, ...]:
        """The layers that add to a directory, topmost first; none when it is none below."""
        known = self._below.get(directory)
        if known is None:
            parent = directory.rpartition(b"/")[0] if b"/" in directory else b""
            known = tuple(_holding(directory, self._holders(parent)))
            self._below[directory] = known
        return known


def _holding(directory: bytes, candidates: Sequence[int]) -> Iterator[int]:
    for descriptor in candidates:
        found = _stat(directory, descriptor)
        if found is None:
            continue
        if not stat.S_ISDIR(found.st_mode):
            return
        yield descriptor
        # Not by name: its root is not the thread's.
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=descriptor)
        try:
            if is_opaque(opened):
                return
        finally:
            os.close(opened)


def _stat(path: bytes, directory: int | None = None) -> os.stat_result | None:
    try:
        return os.stat(path, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def _is_same(found: os.stat_result, old: os.stat_result) -> bool:
    return (found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns) == (
        old.st_mode, old.st_uid, old.st_gid, old.st_mtime_ns,
    )  # fmt: skip
