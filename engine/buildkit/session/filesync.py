"""Directories of a client: one call each, in which it names its files and sends those that are asked for.

    client: STAT, STAT, …, STAT without a file     engine: REQ of a file by its number among the STATs
            DATA, DATA, …, DATA without bytes              FIN once everything is there
            FIN

They become a tar archive, in the order of the names. Files are asked for ahead of their turn, as many as are short
enough to be kept until then. What is here from before, by a mark of everything that a STAT says, is not asked for.
"""

from __future__ import annotations

import hashlib
import stat
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote_plus

from msgspec import Struct, field

from engine.builder.context.keeping import MOST_FILES
from engine.buildkit.messages.session_pb2 import Packet, Stat
from engine.buildkit.transport.calls import Call, Client
from engine.buildkit.transport.http2 import Headers
from engine.errors import BadRequest
from engine.storage import tarstream
from engine.storage.tarstream import Entry
from engine.storage.tarwrite import END, header, padding

_METHOD: Final = "/moby.filesync.v1.FileSync/DiffCopy"
_AHEAD_BYTES: Final = 4 << 20
_AHEAD_FILES: Final = 128
_BATCH_BYTES: Final = 1 << 18

# What Go puts above a mode's permissions (io/fs, FileMode).
GO_KINDS: Final = {
    1 << 31: stat.S_IFDIR,
    1 << 27: stat.S_IFLNK,
    1 << 25: stat.S_IFIFO,
    1 << 24: stat.S_IFSOCK,
    (1 << 26) | (1 << 21): stat.S_IFCHR,
    1 << 26: stat.S_IFBLK,
}
GO_BITS: Final = {1 << 23: stat.S_ISUID, 1 << 22: stat.S_ISGID, 1 << 20: stat.S_ISVTX}
_GO_DIRECTORY: Final = 1 << 31
_MARK_BYTES: Final = 16
_DIRECTORY: Final = b"directory"
_GO_TYPE: Final = 0x8F280000  # everything that says what a file is, devices and irregular ones included
_TAR_KINDS: Final = {
    stat.S_IFDIR: tarstream.DIRECTORY,
    stat.S_IFLNK: tarstream.SYMLINK,
    stat.S_IFIFO: tarstream.FIFO,
    stat.S_IFCHR: tarstream.CHARACTER,
    stat.S_IFBLK: tarstream.BLOCK_DEVICE,
}


class Wish(Struct, frozen=True):
    """What is wanted of the client's directory called `name`: patterns as in `.dockerignore`, paths with what they
    link to.
    """

    name: str
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def metadata(self) -> Headers:
        """The wish as a call's headers, which are ASCII."""
        found = [("dir-name", self.name)]
        for key, values in (
            ("include-patterns", self.includes),
            ("exclude-patterns", self.excludes),
            ("followpaths", self.paths),
        ):
            if all(value.isascii() for value in values):
                found += [(key, value) for value in values]
            else:
                found += [(key, quote_plus(value)) for value in values]
                found.append((f"{key}-encoded", "1"))
        return tuple(found)


class _File(Struct):
    """A file on its way. `data` is what has come before its turn."""

    number: int
    found: Stat
    is_asked_for: bool = False
    is_whole: bool = False
    is_read: bool = False
    data: deque[bytes] = field(default_factory=deque[bytes])

    @property
    def has_contents(self) -> bool:
        return not self.found.mode & _GO_TYPE and not self.found.linkname


@asynccontextmanager
async def incoming(client: Client, wish: Wish, known: Mapping[str, bytes] | None = None) -> AsyncIterator[Incoming]:
    """A client's directory, to be read in the block; `known` are the marks of what is here of it.

    Raises `CallFailed`, `BadRequest` for what the client cannot read.
    """
    async with client.call(_METHOD, wish.metadata()) as call:
        yield Incoming(_Receiving(call, known or {}))


class Incoming:
    """A directory that is about to come."""

    def __init__(self, receiving: _Receiving) -> None:
        self._receiving = receiving

    @property
    def marks(self) -> Mapping[str, bytes]:
        """The marks of the client's files, once the archive is read; not all of them if there are too many to keep."""
        return self._receiving.marks

    @property
    def size_bytes(self) -> int:
        """How long the client's files are together, once the archive is read."""
        return self._receiving.size_bytes

    async def stale(self) -> list[str]:
        """What is here and has to go before the archive is unpacked over the rest."""
        return await self._receiving.stale()

    async def archive(self) -> AsyncGenerator[bytes, None]:
        """What is not here yet, and all directories, as a tar archive."""
        batch: list[bytes] = []
        size_bytes = 0
        async for piece in self._receiving.pieces():
            batch.append(piece)
            size_bytes += len(piece)
            if size_bytes > _BATCH_BYTES:
                yield b"".join(batch)
                batch, size_bytes = [], 0
        yield b"".join([*batch, END])


async def files(client: Client, wish: Wish) -> dict[str, bytes]:
    """The contents of a few files by name, for those that are read as a whole. Raises as `archive`."""
    async with client.call(_METHOD, wish.metadata()) as call:
        receiving = _Receiving(call, {})
        found: dict[str, bytes] = {}
        async for file in receiving.files():
            if file.has_contents:
                found[file.found.path] = b"".join([data async for data in receiving.contents(file)])
        return found


class _Receiving:
    def __init__(self, call: Call, known: Mapping[str, bytes]) -> None:
        self.marks: dict[str, bytes] = {}
        self.size_bytes = 0
        self._call = call
        self._known = known
        self._stale = set(known)
        self._waiting: deque[_File] = deque()
        self._unasked: deque[_File] = deque()
        self._asked: dict[int, _File] = {}
        self._ahead_bytes = 0
        self._count = 0
        self._is_listed = False

    async def stale(self) -> list[str]:
        """What was known and is gone, or is another now. Reads the list of files to its end."""
        while not self._is_listed:
            await self._next()
        return list(self._stale)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The archive without its end."""
        async for file in self.files():
            yield header(_entry(file.found))
            if not file.has_contents:
                continue
            rest = file.found.size
            async for data in self.contents(file):
                piece = data[:rest]  # a file that grows is cut
                rest -= len(piece)
                yield piece
            if rest:
                raise BadRequest(f"{file.found.path} became shorter while it was sent")
            yield padding(file.found.size)

    async def files(self) -> AsyncGenerator[_File, None]:
        """Each file, in order; then everything is there. Contents that nobody reads are thrown away."""
        while True:
            while not self._waiting and not self._is_listed:
                await self._next()
            if not self._waiting:
                break
            file = self._waiting[0]
            yield file
            async for _ in self.contents(file):
                continue
            self._waiting.popleft()
        await self._finish()

    async def contents(self, file: _File) -> AsyncGenerator[bytes, None]:
        """The contents of the file whose turn it is."""
        if not file.has_contents or file.is_read:
            return
        if not file.is_asked_for:
            await self._ask()
        while file.data or not file.is_whole:
            if file.data:
                yield file.data.popleft()
            else:
                await self._next()
        file.is_read = True
        self._ahead_bytes -= file.found.size
        await self._ask_ahead()

    async def _next(self) -> None:
        packet = await self._call.receive(Packet)
        match packet.type:
            case Packet.STAT if packet.HasField("stat"):
                self._list(_File(self._count, packet.stat))
                self._count += 1
            case Packet.STAT:
                self._is_listed = True
            case Packet.DATA:
                self._take(packet)
            case Packet.ERR:
                raise BadRequest(f"the client cannot send the build's files: {packet.data.decode(errors='replace')}")
            case _:
                return

    def _list(self, file: _File) -> None:
        path, mark = file.found.path, _mark(file.found)
        if len(self.marks) <= MOST_FILES:
            self.marks[path] = mark
        self.size_bytes += file.found.size if file.has_contents else 0
        is_same = self._known.get(path) == mark
        if is_same:
            self._stale.discard(path)
        if not is_same or mark == _DIRECTORY:
            self._waiting.append(file)
            self._unasked.extend([file] if file.has_contents else [])

    def _take(self, packet: Packet) -> None:
        file = self._asked.get(packet.id)
        if file is None:
            raise BadRequest("the client sends a file that nobody asked for")
        if packet.data:
            file.data.append(packet.data)
        else:
            file.is_whole = True
            del self._asked[packet.id]

    async def _ask_ahead(self) -> None:
        """Ask for more once half of what was asked for is here, so that many are asked for at a time."""
        is_room = self._unasked and self._ahead_bytes + self._unasked[0].found.size <= _AHEAD_BYTES // 2
        if is_room and len(self._asked) <= _AHEAD_FILES // 2:
            await self._ask()

    async def _ask(self) -> None:
        """Ask for the next file, and for those behind it for which there is room."""
        packets: list[Packet] = []
        while self._unasked and (
            not packets
            or (len(self._asked) < _AHEAD_FILES and self._ahead_bytes + self._unasked[0].found.size <= _AHEAD_BYTES)
        ):
            file = self._unasked.popleft()
            file.is_asked_for = True
            self._ahead_bytes += file.found.size
            self._asked[file.number] = file
            packets.append(Packet(type=Packet.REQ, id=file.number))
        await self._call.send(*packets)

    async def _finish(self) -> None:
        await self._call.send(Packet(type=Packet.FIN))
        while (await self._call.receive(Packet)).type != Packet.FIN:
            continue
        await self._call.finish()


def _mark(found: Stat) -> bytes:
    """What tells whether a file is still the same. Directories are all alike: they cost nothing to send again."""
    if found.mode & _GO_DIRECTORY:
        return _DIRECTORY
    return hashlib.blake2b(found.SerializeToString(deterministic=True), digest_size=_MARK_BYTES).digest()


def _entry(found: Stat) -> Entry:
    """A file as an archive's entry; whose it is on the client means nothing here."""
    kind = next((kind for bits, kind in GO_KINDS.items() if found.mode & bits == bits), stat.S_IFREG)
    mode = found.mode & 0o777 | sum(bit for go, bit in GO_BITS.items() if found.mode & go)
    if kind == stat.S_IFSOCK:
        raise BadRequest(f"{found.path} is a socket, which cannot be sent")
    tar_kind = _TAR_KINDS.get(kind, tarstream.HARD_LINK if found.linkname else tarstream.FILE)
    size = found.size if tar_kind == tarstream.FILE else 0
    return Entry(
        _name(found.path),
        tar_kind,
        mode,
        0,
        0,
        size,
        size,
        found.mod_time,
        found.linkname.encode("utf-8", "surrogateescape"),
        (found.devmajor, found.devminor),
    )


def _name(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
