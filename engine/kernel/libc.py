"""The C library, with errno turned into `OSError`."""

from __future__ import annotations

import ctypes
import os

_LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object, path: str | None = None) -> int:
    """Call a libc function; raises `OSError` with errno (and `path`) when it returns -1."""
    result: int = getattr(_LIBC, name)(*arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result
