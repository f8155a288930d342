"""Small files by three system calls each: open, read or write, close.

Python's own files ask four more questions of the kernel (is it a terminal? how long is it? where are we?), and with
each call a thread lets others have the interpreter, which it then has to wait for. A container's start goes through
twenty such files.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 16


def contents(path: str | Path) -> bytes:
    """What is in a regular file, or in one of /proc that the kernel hands out at once. Blocks. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return read_all(descriptor)
    finally:
        os.close(descriptor)


def read_all(descriptor: int, limit_bytes: int = 1 << 24) -> bytes:
    """The rest of an open regular file, up to a limit. Blocks. Raises `OSError`."""
    found = bytearray()
    while size := min(_CHUNK, limit_bytes - len(found)):
        chunk = os.read(descriptor, size)
        found += chunk
        if len(chunk) < size:
            break
    return bytes(found)


def write(path: str | Path, content: bytes, *, flags: int = os.O_TRUNC, mode: int = 0o666) -> None:
    """Write a file in place, made unless it is there; with `O_APPEND` as flags, below what it has. Not synced. Blocks.

    Raises `OSError`, and then the file may have a part of it.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, mode)
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)
