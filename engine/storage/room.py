"""Stopping before a disk is full: an archive can grow a thousandfold, and a full disk stops more than us."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from engine.errors import EngineError

_BETWEEN_LOOKS_BYTES: Final = 32 << 20
_SPARE_PART: Final = 50  # 2 % of the file system
_MOST_SPARE_BYTES: Final = 1 << 30


class NoRoom(EngineError):
    """The state directory's file system is full, or nearly so."""

    def __init__(self) -> None:
        super().__init__(
            "no space left on the device of the engine's state directory",
            hint="remove images, containers or volumes that are not needed (`docker system prune`)",
        )


class RoomWatch:
    """Counts what goes to a disk and looks now and then whether it still has room."""

    def __init__(self, directory: Path | str) -> None:
        self._directory = directory
        self._left = 0

    def move(self, directory: Path | str) -> None:
        """Have the directory under another name from now on, as a thread does that changes its root."""
        self._directory = directory

    def take(self, size_bytes: int) -> None:
        """Tell of bytes that are about to be written. Raises `NoRoom`."""
        self._left -= size_bytes
        if self._left < 0:
            found = os.statvfs(self._directory)
            spare = min(found.f_blocks * found.f_frsize // _SPARE_PART, _MOST_SPARE_BYTES)
            if found.f_bavail * found.f_frsize < spare + size_bytes or found.f_favail < found.f_files // _SPARE_PART:
                raise NoRoom  # millions of empty files take no bytes, but inodes
            self._left = min(_BETWEEN_LOOKS_BYTES, found.f_bavail * found.f_frsize - spare)
