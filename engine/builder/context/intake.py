"""A context as it arrives: unpacked into memory, and moved to the disk when it turns out too long for that.

Making and deleting thousands of small files on a disk takes several times the time of everything else in a build that
finds its steps cached, and contexts are thrown away after each build.
"""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import anyio.to_thread

from engine.errors import EngineError, InvalidLayer
from engine.kernel.mounts import MS_NODEV, MS_NOSUID, mount, unmount
from engine.storage.compression import Read, decompressed
from engine.storage.copying import copy_tree_blocking
from engine.storage.deletion import delete_tree
from engine.storage.jail import inside
from engine.storage.room import RoomWatch
from engine.storage.streaming import consumed
from engine.storage.tarstream import Entry, Stream
from engine.storage.unpack import Unpacker

_CONTEXT: Final = "context"
_MEMORY_PART: Final = 8
_MOST_MEMORY_BYTES: Final = 1 << 30
_PAGE_BYTES: Final = 4096
# What a file takes of memory beside its contents: inode, name, the first page's remainder.
_ENTRY_BYTES: Final = 2 * 1024
_RECEIVED_FIRST_BYTES: Final = 4 << 20
# docker's command line leaves the end of an archive out where it has put a Dockerfile into a context: neither is the
# last file filled up to a whole block, nor do empty blocks follow.
_MISSING_END: Final = bytes(511 + 2 * 512)


async def feed(chunks: AsyncIterator[bytes], take: Callable[[Read], None]) -> None:
    """Run `take`, which unpacks an archive, on a thread and feed it the archive's chunks. Raises what either raises.

    A short archive is received first, because a thread that unpacks small files and a loop that receives small chunks
    hold each other up (by the interpreter's lock).
    """
    start = io.BytesIO()
    async for chunk in chunks:
        start.write(chunk)
        if start.tell() > _RECEIVED_FIRST_BYTES:
            break
    else:
        start.seek(0)
        await anyio.to_thread.run_sync(take, start.read)
        return
    start.seek(0)
    await consumed(chunks, lambda read: take(lambda size: start.read(size) or read(size)))


def take_in(read: Read, place: Path, memory_bytes: int | None = None) -> None:
    """Unpack an archive, plain or compressed, into the directory `context` of `place`, which is made. Blocks.

    `place` is in memory afterwards, if what is in it takes at most `memory_bytes`, by default a part of what the
    machine has to spare: whoever deletes it unmounts it first. Raises `EngineError` for what is no archive as well,
    and what `read` raises.
    """
    with _explaining():
        unpacker = _unpacker(read)
        most_bytes = spare_bytes() if memory_bytes is None else memory_bytes
        place.mkdir(mode=0o755)
        mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, f"mode=755,size={most_bytes + _PAGE_BYTES}")
        (place / _CONTEXT).mkdir(mode=0o755)
        _unpack(unpacker, place, _Memory(most_bytes))


def renew(read: Read, place: Path, stale: Sequence[str]) -> None:
    """Bring a context that was taken in up to date: remove what is stale, and unpack an archive over the rest.

    Blocks; after an error the context is neither the one nor the other. Raises as `take_in`.
    """
    with _explaining():
        unpacker = _unpacker(read)
        inside(place / _CONTEXT, partial(_remove, stale))
        _unpack(unpacker, place, _Memory(_left_bytes(place)) if place.is_mount() else _Disk())


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except (InvalidLayer, RecursionError) as exc:
        raise EngineError(f"the build context is no tar archive, or a broken one: {exc}") from exc
    except OSError as exc:
        raise EngineError(f"the build context cannot be unpacked: {exc.strerror or exc}") from exc


def _unpacker(read: Read) -> Unpacker:
    pieces = decompressed(read)
    first = next(pieces, b"")  # imports what the compression needs while modules are still in sight
    return Unpacker(Stream(_whole(first, pieces)), is_layer=False)


def _unpack(unpacker: Unpacker, place: Path, room: _Memory | _Disk) -> None:
    context = place / _CONTEXT
    if not inside(context, partial(unpacker.run, room.fits)):
        _move_to_disk(place)
        inside(context, partial(unpacker.run, _Disk().fits))


def _remove(names: Sequence[str]) -> None:
    """Delete files and directories, the inner ones first; what is in a directory is named as well."""
    for name in sorted(names, reverse=True):
        with suppress(FileNotFoundError):
            try:
                os.unlink(name)  # noqa: PTH108  # thousands of them
            except IsADirectoryError:
                os.rmdir(name)  # noqa: PTH106


def _whole(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
        yield from pieces
    yield _MISSING_END


class _Memory:
    def __init__(self, most_bytes: int) -> None:
        self._left_bytes = most_bytes

    def fits(self, entry: Entry) -> bool:
        self._left_bytes -= _ENTRY_BYTES + -(-entry.stored // _PAGE_BYTES) * _PAGE_BYTES
        return self._left_bytes >= 0


class _Disk:
    def __init__(self) -> None:
        self._room = RoomWatch(".")

    def fits(self, entry: Entry) -> bool:
        self._room.take(entry.stored)
        return True


def _move_to_disk(place: Path) -> None:
    copy = place.with_name(f"{place.name}-on-disk")
    copy.mkdir(mode=0o755)
    try:
        copy_tree_blocking(place, copy)
    except BaseException:
        delete_tree(copy)
        raise
    unmount(place, lazily=True)  # the thread that was inside may take a moment to be gone
    place.rmdir()
    copy.rename(place)


def _left_bytes(place: Path) -> int:
    """How much a place in memory may still take."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize - (found.f_files - found.f_ffree) * _ENTRY_BYTES


def spare_bytes(taken_bytes: int = 0) -> int:
    """What contexts may take of the memory that is available without pushing others out (proc_meminfo(5),
    MemAvailable), where contexts have taken some of it already. Blocks.
    """
    with Path("/proc/meminfo").open(encoding="ascii") as lines:
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return min((available + taken_bytes) // _MEMORY_PART, _MOST_MEMORY_BYTES)
