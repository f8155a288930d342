"""The files of one log: the one that conmon writes at the log's path, and full ones before it, numbered upwards.

    container.log.3.gz  container.log.4  container.log      (the newest; its number will be 5)

Numbers are never used twice while anybody holds the log, so a reader that is at 4 goes on with 5 whatever it is called
by then. Full files stay a little longer than their time for readers that are not yet through with them.
"""

from __future__ import annotations

import contextlib
import os
import re
import weakref
import zlib
from pathlib import Path
from typing import Final

_SPARED_BYTES: Final = 64 << 20
_COPY_BYTES: Final = 1 << 18
# Logs shrink to a tenth even so, and a container that writes without a pause does not wait for it.
_LEVEL: Final = 1


class LogFiles:
    """The files of the log at `path`; whoever reads or rotates them shares one object (`LogShelf`)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = re.compile(re.escape(path.name) + r"\.(\d+)(\.gz)?")
        # Where each reader is: what is not read yet is spared for a while.
        self.readers: dict[object, int] = {}
        # How many files there may be; None as long as nobody said so.
        self.keep: int | None = None
        self._forget_unfinished_rotation()
        numbers = self._numbers()
        self.current = max(numbers, default=0) + 1
        # Remembered, not looked up: a listing of the directory may miss a file that gets its other name meanwhile.
        self._oldest = min(numbers, default=self.current)

    def full(self) -> list[int]:
        """The numbers of the full files, the oldest first; one that somebody else deleted may be among them."""
        return list(range(self._oldest, self.current))

    def place(self, number: int) -> Path:
        """Where a full file is, or will be, as long as it is not compressed."""
        return self.path.with_name(f"{self.path.name}.{number}")

    def open(self, number: int) -> int | None:
        """A descriptor of a file, at its beginning; None if it is not there (yet, or any more). May block."""
        full = self.place(number)
        # The one that is being written may be set aside at any moment: both names are tried, in this order and again.
        for place in (full, self.path, full) if number >= self.current else (full,):
            descriptor = _open(place)
            if descriptor is None:
                continue
            # In this order: a file that was set aside loses its plain name (`pack`) only after `current` went on.
            if place is full or (not _is_another(descriptor, full) and number >= self.current):
                return descriptor
            os.close(descriptor)
        return _unpack(full.with_name(f"{full.name}.gz"))

    def set_aside(self) -> bool:
        """Give the file being written its number, too; conmon still has to begin a new one. False if there is none."""
        try:
            os.link(self.path, self.place(self.current))
        except FileNotFoundError:
            return False
        except FileExistsError:
            return True  # by an earlier run of the container, whose monitor did not get to it
        return True

    def settle(self) -> bool:
        """Notice that conmon began a new file after `set_aside`."""
        aside, now = _inode(self.place(self.current)), _inode(self.path)
        if aside is None or now is None or aside == now:
            return False
        self.current += 1
        return True

    def prune(self) -> None:
        """Delete the full files that are too many, but for those that a reader still needs, within bounds."""
        if self.keep is None:
            return
        spared = 0
        needed = min(list(self.readers.values()), default=self.current)  # a copy: threads come and go
        for number in reversed(self.full()):
            if number > self.current - self.keep:
                continue
            for place in (self.place(number), self.place(number).with_name(f"{self.path.name}.{number}.gz")):
                with contextlib.suppress(FileNotFoundError):
                    spared += place.stat().st_size
                    if number < needed or spared > _SPARED_BYTES:
                        # So are all older ones, then.
                        self._oldest = max(self._oldest, number + 1)
                        place.unlink()

    def _numbers(self) -> list[int]:
        try:
            names = [entry.name for entry in self.path.parent.iterdir()]
        except FileNotFoundError:
            return []
        return sorted({int(match[1]) for name in names if (match := self._name.fullmatch(name))})

    def _forget_unfinished_rotation(self) -> None:
        """A file that has both names was to be rotated when an engine died: it goes on."""
        now = _inode(self.path)
        for number in self._numbers():
            if now is not None and _inode(self.place(number)) == now:
                self.place(number).unlink()


class LogShelf:
    """The logs of one engine that somebody is busy with, so that all who are know of each other."""

    def __init__(self) -> None:
        self._files: weakref.WeakValueDictionary[Path, LogFiles] = weakref.WeakValueDictionary()

    def files(self, path: Path) -> LogFiles:
        """The files of the log at this path."""
        found = self._files.get(path)
        if found is None:
            found = self._files[path] = LogFiles(path)
        return found


def pack(place: Path) -> None:
    """Compress a full file; it has its old name or the new one at every moment. Blocks."""
    packed, unfinished = place.with_name(f"{place.name}.gz"), place.with_name(f"{place.name}.gz.new")
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    with place.open("rb") as source, unfinished.open("wb") as target:
        while chunk := source.read(_COPY_BYTES):
            target.write(compressor.compress(chunk))
        target.write(compressor.flush())
    unfinished.replace(packed)
    place.unlink(missing_ok=True)


def _unpack(packed: Path) -> int | None:
    """The contents of a compressed file as a file without a name, at its beginning. Blocks."""
    decompressor = zlib.decompressobj(31)
    try:
        with packed.open("rb") as source:
            descriptor = os.open(packed.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb", closefd=False) as target:
                while chunk := source.read(_COPY_BYTES):
                    target.write(decompressor.decompress(chunk))
    except FileNotFoundError:
        return None
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _open(place: Path) -> int | None:
    try:
        return os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _is_another(descriptor: int, place: Path) -> bool:
    """Whether there is a file at a place, and not the one that is open."""
    inode = _inode(place)
    return inode is not None and inode != os.fstat(descriptor).st_ino


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
