"""The secrets of one build. As files they are in memory that is never swapped (ramfs), and gone with the build."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from engine.builder.context.workspace import clear
from engine.kernel.mounts import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount


class Vault:
    """Below `root`, which nobody else uses. Threads may share it."""

    def __init__(self, secrets: Mapping[str, bytes], root: Path) -> None:
        self._secrets = secrets
        self._root = root
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._is_open = False

    def get(self, identity: str) -> bytes | None:
        """A secret's content, None if there is none of that id."""
        return self._secrets.get(identity)

    def place(self) -> Path:
        """A new directory for a secret or a socket, with a short name. Blocks shortly."""
        with self._lock:
            if not self._is_open:
                self._root.mkdir(mode=0o700, parents=True)
                mount("ramfs", self._root, "ramfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700")
                self._is_open = True
            place = self._root / str(next(self._numbers))
        place.mkdir(mode=0o700)
        return place

    def close(self) -> None:
        """Forget everything. Blocks."""
        with self._lock:
            if self._is_open:
                clear(self._root)
