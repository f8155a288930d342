"""Space set aside for the database, so that on a full disk the engine can still record that something was removed:
without it the one way out, removing containers, would be closed too.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_SIZE_BYTES: Final = 4 << 20
_PIECE_BYTES: Final = 64 << 10


class Reserve:
    """A file of blocks that nobody uses. What was given away comes back with the next engine, if there is room."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Take what is missing; on a full disk that is as it was."""
        with contextlib.suppress(OSError), self._path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, _SIZE_BYTES)

    def give(self) -> bool:
        """Free a little of it (all at once might go to whatever fills the disk); False when nothing is left."""
        try:
            size_bytes = self._path.stat().st_size
            os.truncate(self._path, max(size_bytes - _PIECE_BYTES, 0))
        except OSError:
            return False
        return size_bytes > 0
