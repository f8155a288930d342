"""The directories of volumes, with what the driver mounts on them. All of it blocks: it is for threads."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.errors import EngineError
from engine.kernel.mounts import MS_BIND, MS_RDONLY, MS_REMOUNT, mount, mount_points, unmount
from engine.volumes.options import MountCall


class Directories:
    """A directory per volume below `root`, with its contents in `_data`.

    One that is deleted is first set aside, under a name that no volume can have (`.data` for `data`).
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def data(self, name: str) -> Path:
        """Where the contents of a volume are, whether it is mounted or not."""
        return self._root / name / "_data"

    def existing(self, name: str) -> Path:
        """The same. Raises `EngineError`, in Docker's words, if somebody has removed it."""
        place = self.data(name)
        if not place.is_dir():
            raise EngineError(
                f'error evaluating symlinks from mount source "{place}": lstat {place}: no such file or directory',
                hint=f"somebody removed the volume's directory: remove the volume {name}, and it can be made again",
            )
        return place

    def make(self, name: str) -> None:
        """Make what is not there yet."""
        (self._root / name).mkdir(mode=0o701, exist_ok=True)
        self.data(name).mkdir(mode=0o755, exist_ok=True)

    def size_bytes(self, name: str) -> int:
        """The sum of the sizes of a volume's files."""
        return sum(_file_sizes(self.data(name)))

    def mount(self, name: str, call: MountCall) -> Path:
        """Mount what the options describe, unless it is mounted; returns where. Raises `EngineError`."""
        target = self.data(name)
        if os.path.ismount(target):
            return target
        try:
            if call.address:
                call = call.at_address(socket.gethostbyname(call.address))
            mount(call.source, target, call.filesystem, call.flags, call.data)
            if call.flags & MS_BIND and call.flags & MS_RDONLY:
                mount("", target, flags=call.flags | MS_REMOUNT)
        except OSError as exc:
            is_unknown = exc.errno == errno.ENODEV
            raise EngineError(
                f"error while mounting volume '{target}': failed to mount local volume: mount {call.source}:{target}"
                f"{call.described}: {(exc.strerror or str(exc)).lower()}",
                hint=f"this kernel has no file system {call.filesystem}" if is_unknown else "check its driver_opts",
            ) from exc
        return target

    def unmount(self, name: str) -> None:
        """Undo `mount`; nothing mounted is fine."""
        target = self.data(name)
        if not target.is_dir():
            return
        for point in reversed(list(mount_points(target))):
            unmount(point, lazily=True)

    def begin_filling(self, name: str) -> bool:
        """Whether a volume waits for its first contents; if so, it is marked as being filled, and empty."""
        path, marker = self.data(name), self._marker(name)
        if marker.exists():
            for entry in path.iterdir():
                _delete_tree(entry)
        elif any(path.iterdir()):
            return False
        marker.touch()
        return True

    def end_filling(self, name: str) -> None:
        """The contents are whole."""
        self._marker(name).unlink(missing_ok=True)

    def exists(self, name: str) -> bool:
        """Whether the volume's directory has its name, so that it is whole."""
        return (self._root / name).exists()

    def delete(self, name: str) -> None:
        """Delete a volume's directory at once."""
        _delete_tree(self._root / name)

    def set_aside(self, name: str) -> bool:
        """Give up a volume's name; whether it was there. What an earlier removal could not delete makes way."""
        self.delete_aside(name)
        try:
            (self._root / name).rename(self._aside(name))
        except FileNotFoundError:
            return False
        return True

    def put_back(self, name: str) -> None:
        """Undo `set_aside`."""
        self._aside(name).rename(self._root / name)

    def delete_aside(self, name: str) -> None:
        """Delete what was set aside; nothing is fine."""
        _delete_tree(self._aside(name))

    def left_aside(self) -> list[str]:
        """The volumes that were set aside and not deleted."""
        return [place.name[1:] for place in self._root.iterdir() if place.name.startswith(".")]

    def remove_unfinished(self, is_known: Callable[[str], bool]) -> None:
        """Remove the directories of volumes that nobody knows: they were in the making when an engine ended.

        One that is not empty may be somebody's data, and stays.
        """
        for place in self._root.iterdir():
            if not is_known(place.name):
                with contextlib.suppress(OSError):  # not empty, or not a directory: not of our making
                    for directory in (place / "_data", place):
                        if directory.is_dir():
                            directory.rmdir()

    def _marker(self, name: str) -> Path:
        return self._root / name / "filling"

    def _aside(self, name: str) -> Path:
        return self._root / f".{name}"


def _file_sizes(directory: Path) -> Iterator[int]:
    for parent, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # deleted while we look
                yield os.lstat(f"{parent}/{name}").st_size


def _delete_tree(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
