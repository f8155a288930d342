"""One engine per state directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from engine.errors import Conflict


def lock_directory(path: Path) -> int:
    """Take the directory's lock and return the descriptor that holds it (released when the process ends).

    Raises `Conflict` when another engine has it.
    """
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(descriptor)
        raise Conflict(f"another engine already uses {path}") from exc
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor
