"""Files for a build's client: a tree that it copies into a directory of its own, or an archive that it writes."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from engine.buildkit.messages.control_pb2 import BytesMessage
from engine.buildkit.messages.session_pb2 import Packet, Stat
from engine.buildkit.session.filesync import GO_BITS, GO_KINDS
from engine.buildkit.transport.background import background
from engine.buildkit.transport.calls import Call, Client
from engine.buildkit.transport.http2 import StreamEnded
from engine.errors import BadRequest
from engine.storage.rooted import resolve_in_root

log = logging.getLogger(__name__)

_METHOD: Final = "/moby.filesync.v1.FileSend/DiffCopy"
_EXPORTER: Final = "buildkit-attachable-exporter-id"
_PIECE_BYTES: Final = 1 << 18
_BATCH: Final = 256


async def send_archive(client: Client, exporter: int, chunks: AsyncIterator[bytes]) -> None:
    """Write bytes to what the client opened for that exporter. Raises `CallFailed`."""
    async with client.call(_METHOD, ((_EXPORTER, str(exporter)),)) as call:
        async for chunk in chunks:
            await call.send(BytesMessage(data=chunk))
        await call.send_eof()
        await call.finish()


async def send_tree(client: Client, exporter: int, root: Path) -> None:
    """Copy a directory's contents into the client's directory for that exporter. Raises `CallFailed`, `BadRequest`."""
    async with client.call(_METHOD, ((_EXPORTER, str(exporter)),)) as call:
        sending = _Sending(call, root)
        async with background() as tasks:
            tasks.start_soon(sending.list)
            await sending.answer()
        await call.send(Packet(type=Packet.FIN))
        await call.send_eof()
        await call.finish()


class _Sending:
    """See `filesync` for the exchange, here with the roles the other way round."""

    def __init__(self, call: Call, root: Path) -> None:
        self._call = call
        self._root = root
        self._paths: dict[int, str] = {}
        self._count = 0

    async def list(self) -> None:
        """Name every file."""
        names = _walk(str(self._root), "")
        try:
            while batch := await anyio.to_thread.run_sync(partial(_some, names, self._root)):
                for found in batch:
                    if stat.S_ISREG(_mode(found)):
                        self._paths[self._count] = found.path
                    self._count += 1
                    await self._call.send(Packet(type=Packet.STAT, stat=found))
            await self._call.send(Packet(type=Packet.STAT))
        except StreamEnded:
            log.debug("the client takes no more of an output")  # `answer` meets the reason

    async def answer(self) -> None:
        """Send what is asked for until the client has everything."""
        while True:
            packet = await self._call.receive(Packet)
            match packet.type:
                case Packet.REQ:
                    await self._send(packet.id)
                case Packet.ERR:
                    raise BadRequest(f"the client cannot write the output: {packet.data.decode(errors='replace')}")
                case Packet.FIN:
                    return
                case _:
                    continue

    async def _send(self, number: int) -> None:
        path = self._paths.pop(number, None)
        if path is None:
            raise BadRequest("the client asks for a file that does not exist")
        place = await anyio.to_thread.run_sync(resolve_in_root, self._root, path)
        async with await anyio.open_file(place, "rb") as file:
            while data := await file.read(_PIECE_BYTES):
                await self._call.send(Packet(type=Packet.DATA, id=number, data=data))
        await self._call.send(Packet(type=Packet.DATA, id=number))


def _walk(root: str, directory: str) -> Iterator[str]:
    """Every path below, parents before children, in the order of the protocol: by the parts of the names."""
    with os.scandir(f"{root}/{directory}") as listing:
        children = sorted(listing, key=lambda child: child.name)
    for child in children:
        path = f"{directory}/{child.name}" if directory else child.name
        yield path
        if child.is_dir(follow_symlinks=False):
            yield from _walk(root, path)


def _some(names: Iterator[str], root: Path) -> list[Stat]:
    found: list[Stat] = []
    for name in names:
        found.append(_stat(root, name))
        if len(found) == _BATCH:
            break
    return found


def _stat(root: Path, name: str) -> Stat:
    path = f"{root}/{name}"
    found = os.lstat(path)
    is_link, is_file = stat.S_ISLNK(found.st_mode), stat.S_ISREG(found.st_mode)
    is_device = stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode)
    return Stat(
        path=name,
        mode=_go_mode(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size if is_file else 0,
        mod_time=found.st_mtime_ns,
        linkname=os.readlink(path) if is_link else "",  # noqa: PTH115  # a text, as it is written
        devmajor=os.major(found.st_rdev) if is_device else 0,
        devminor=os.minor(found.st_rdev) if is_device else 0,
    )


def _go_mode(mode: int) -> int:
    kinds = sum(go for go, kind in GO_KINDS.items() if stat.S_IFMT(mode) == kind)
    return kinds | sum(go for go, bit in GO_BITS.items() if mode & bit) | stat.S_IMODE(mode) & 0o777


def _mode(found: Stat) -> int:
    kind = next((kind for go, kind in GO_KINDS.items() if found.mode & go == go), stat.S_IFREG)
    return kind | found.mode & 0o777
