"""An archive of images as files on our disk, for `docker load`.

The archive's own names never become names on disk: they are keys of a table, so no `..`, absolute name or link leads
anywhere. Links (older archives name shared layers by them) are followed in that table only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from engine.errors import BadRequest
from engine.storage import tarstream
from engine.storage.compression import Read, decompressed
from engine.storage.room import RoomWatch
from engine.storage.tarstream import Entry, Stream

_MOST_ENTRIES: Final = 20_000
_MOST_LINKS: Final = 10
_BLOBS: Final = "blobs/sha256/"


class InvalidArchive(BadRequest):
    """An archive that holds no images, or is corrupt or hostile."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"invalid archive: {problem}")


class Spooled(Struct, frozen=True):
    """One file of the archive, on disk under a name of ours."""

    path: Path
    size_bytes: int
    digest: str


class Bundle(Struct, frozen=True):
    """What was in an archive, by name."""

    files: dict[str, Spooled] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self.files or name in self.links

    def find(self, name: str) -> Spooled:
        """The file of that name, also through links. Raises `InvalidArchive`."""
        wanted = name
        for _ in range(_MOST_LINKS):
            wanted = _plain_name(wanted.encode())
            if found := self.files.get(wanted):
                return found
            if wanted not in self.links:
                raise InvalidArchive(f"{name!r} is not in it")
            wanted = self.links[wanted]
        raise InvalidArchive(f"{name!r} is a link in a circle")

    def blob(self, digest: str) -> Spooled:
        """The file with that digest in an OCI layout. Raises `InvalidArchive`."""
        return self.find(_BLOBS + digest.removeprefix("sha256:"))

    def read(self, name: str, most_bytes: int) -> bytes:
        """A small file. Raises `InvalidArchive` if it is not there or not small."""
        return read_small(self.find(name), name, most_bytes)


def read_small(file: Spooled, name: str, most_bytes: int) -> bytes:
    """What is in a small file. Raises `InvalidArchive` if it is none."""
    if file.size_bytes > most_bytes:
        raise InvalidArchive(f"{name!r} has {file.size_bytes} bytes, which is too much")
    return file.path.read_bytes()


def spool(read: Read, directory: Path) -> Bundle:
    """Take an archive (plain or compressed) apart into files in `directory`, which the caller deletes. Blocks.

    Raises `InvalidArchive`, `InvalidLayer` for what is no archive, `OSError`, and what `read` raises.
    """
    bundle = Bundle()
    room = RoomWatch(directory)
    stream = Stream(_watched(decompressed(read), room))
    for number, entry in enumerate(tarstream.entries(stream)):
        if number >= _MOST_ENTRIES:
            raise InvalidArchive(f"it has more than {_MOST_ENTRIES} entries")
        name = _plain_name(entry.name)
        if entry.type == tarstream.FILE:
            if entry.extents is not None:
                raise InvalidArchive(f"{name!r} is a sparse file")
            bundle.files[name] = _spooled(stream, entry, directory / str(number), name)
            bundle.links.pop(name, None)
            continue
        if entry.type in (tarstream.SYMLINK, tarstream.HARD_LINK):
            bundle.links[name] = _target(name, entry)
            bundle.files.pop(name, None)
        stream.skip(entry.stored)
    return bundle


def _watched(pieces: Iterator[bytes], room: RoomWatch) -> Iterator[bytes]:
    for piece in pieces:
        room.take(len(piece))
        yield piece


def _spooled(stream: Stream, entry: Entry, path: Path, name: str) -> Spooled:
    digest = hashlib.sha256()
    with path.open("xb", buffering=0) as file:
        for piece in stream.pieces(entry.stored):
            digest.update(piece)
            while piece:
                piece = piece[file.write(piece) :]
    found = digest.hexdigest()
    if name.startswith(_BLOBS) and name != _BLOBS + found:
        raise InvalidArchive(f"{name!r} has the digest sha256:{found}")
    return Spooled(path, entry.stored, f"sha256:{found}")


def _target(name: str, entry: Entry) -> str:
    link = os.fsdecode(entry.link)
    if entry.type == tarstream.HARD_LINK:
        return _plain_name(entry.link)
    if link.startswith("/"):
        raise InvalidArchive(f"{name!r} is a link to {link!r}, outside of it")
    return _plain_name(os.fsencode(f"{name.rpartition('/')[0]}/{link}".lstrip("/")))


def _plain_name(raw: bytes) -> str:
    name = os.fsdecode(raw)
    if name.startswith("/"):
        raise InvalidArchive(f"{name!r} is an absolute name")
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            if not parts:
                raise InvalidArchive(f"{name!r} lies outside of it")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
