"""Files with holes: where their data is, copies that have them too, and making them of long runs of zeros."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from typing import Final

_CHUNK: Final = 1 << 30
_HOLE_BYTES: Final = 16 * 1024
_ZEROS: Final = bytes(64 * 1024)


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


def write_with_holes(descriptor: int, pieces: Iterable[memoryview]) -> None:
    """Write pieces to a new file, but what is zeros over a long way becomes a hole: most archives have no holes, so a
    sparse file comes in them at its full length.
    """
    size_bytes = 0
    is_hole = False
    for piece in pieces:
        size_bytes += len(piece)
        is_hole = len(piece) >= _HOLE_BYTES and not piece[0] and not piece[-1] and _is_zeros(piece)
        if is_hole:
            os.lseek(descriptor, size_bytes, os.SEEK_SET)
        else:
            write_whole(descriptor, piece)
    if is_hole:
        os.ftruncate(descriptor, size_bytes)


def write_whole(descriptor: int, piece: memoryview) -> None:
    """Write all of a piece, however little of it goes at once."""
    while piece:
        piece = piece[os.write(descriptor, piece) :]


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


def _is_zeros(piece: memoryview) -> bool:
    # Bytes are compared at once, views one by one.
    return all(
        bytes(piece[at : at + len(_ZEROS)]) == _ZEROS[: len(piece) - at] for at in range(0, len(piece), len(_ZEROS))
    )
