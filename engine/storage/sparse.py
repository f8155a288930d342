"""Files with holes: where their data is, and copies that have the holes too."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Final

_CHUNK: Final = 1 << 30


def extents(descriptor: int, size_bytes: int) -> Iterator[tuple[int, int]]:
    """Begin and end of every piece of data below `size_bytes`, in order; between them are holes."""
    at = 0
    while at < size_bytes:
        begin = _seek(descriptor, at, size_bytes, os.SEEK_DATA)
        if begin == size_bytes:
            return
        at = _seek(descriptor, begin, size_bytes, os.SEEK_HOLE)
        yield begin, at


def copy_file(source: str, target: str) -> None:
    """Copy a regular file's contents, but not what else is said of it, to a new file. Raises `OSError`."""
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(reading).st_size
            for begin, end in extents(reading, size):
                _copy_range(reading, writing, begin, end)
            os.truncate(writing, size)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_range(reading: int, writing: int, begin: int, end: int) -> None:
    os.lseek(writing, begin, os.SEEK_SET)
    while begin < end:
        sent = os.sendfile(writing, reading, begin, min(end - begin, _CHUNK))
        if not sent:
            return  # it was cut meanwhile: the rest is a hole
        begin += sent


def _seek(descriptor: int, at: int, size_bytes: int, kind: int) -> int:
    """Where the next data or hole is, at most `size_bytes`. Behind the end of a file that was cut is only a hole."""
    try:
        return min(os.lseek(descriptor, at, kind), size_bytes)
    except OSError as exc:
        if exc.errno != errno.ENXIO:
            raise
        return size_bytes if kind == os.SEEK_DATA else at
