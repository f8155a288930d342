"""The directory of one build: its context, what it downloads, and the trees that it mounts to copy from.

    builds/tmp/<id>/sent         what the client sent: the context, and what came along with it
    builds/tmp/<id>/…            heredocs, downloads, mount points
    builds/mounts/<digest>       the contents of `RUN --mount=type=cache`, which stay

Everything below `tmp` goes with the build, or with the engine's next start.
"""

from __future__ import annotations

import fcntl
import io
import os
import tarfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Final, Protocol, cast

import anyio
import anyio.to_thread

from engine.builder.unarchive import is_plain_tar
from engine.containers.concurrent import together
from engine.containers.tarball import read_into
from engine.errors import BadRequest, EngineError
from engine.kernel.mounts import MS_NODEV, MS_NOSUID, mount, mount_points, unmount
from engine.state.names import new_id
from engine.storage.deletion import delete_tree
from engine.storage.jail import inside
from engine.storage.snapshots import Snapshots

_TEMPORARY: Final = "tmp"
# An archive that is taken in at once, and the most that it can need unpacked: a page for each block of it.
_IN_MEMORY_BYTES: Final = 4 << 20
_MEMORY_BYTES: Final = 64 << 20
_BLOCK_BYTES: Final = 512
_PIPE_BYTES: Final = 1 << 20
_END_BYTES: Final = 511 + 2 * 512


class Workspace:
    """Use `working` to get one."""

    def __init__(self, root: Path, snapshots: Snapshots) -> None:
        self.root = root
        self._snapshots = snapshots
        self._numbers = count(1)
        self._mounted: dict[tuple[str, ...], Path] = {}
        self._lock = anyio.Lock()

    @property
    def context(self) -> Path:
        """Where the context is unpacked."""
        return self.sent / "context"

    @property
    def sent(self) -> Path:
        """Where everything is that the client sent; in memory if it was little."""
        return self.root / "sent"

    def place(self, kind: str) -> Path:
        """A new directory for something temporary. Blocks shortly."""
        directory = self.root / f"{kind}-{next(self._numbers)}"
        directory.mkdir(mode=0o700)
        return directory

    async def mounted(self, chain_ids: Sequence[str]) -> Path:
        """Layers as a read-only tree, mounted once for the whole build."""
        key = tuple(chain_ids)
        async with self._lock:
            if key not in self._mounted:
                target = self.root / f"layers-{next(self._numbers)}"
                await self._snapshots.mount_read_only(target, key)
                self._mounted[key] = target
            return self._mounted[key]

    async def unpack(self, chunks: AsyncIterator[bytes]) -> None:
        """Unpack a tar archive, plain or compressed, as the context. Raises `BadRequest` for a broken one."""
        start = io.BytesIO()
        async for chunk in chunks:
            start.write(chunk)
            if start.tell() > _IN_MEMORY_BYTES:
                await self._unpack_rest(start.getvalue(), chunks)
                return
        start.seek(0)
        await anyio.to_thread.run_sync(self._unpack_little, start)

    def _unpack_little(self, archive: io.BytesIO) -> None:
        """Unpack into memory: many small files are made on a disk, and deleted again, in several times the time of
        everything else. Nobody knows how much is in a compressed archive.
        """
        self.sent.mkdir(mode=0o755)
        if is_plain_tar(archive.getbuffer()[:_BLOCK_BYTES].tobytes()):
            mount("tmpfs", self.sent, "tmpfs", MS_NOSUID | MS_NODEV, f"mode=755,size={_MEMORY_BYTES}")
        self.context.mkdir(mode=0o755)
        _unpack(archive, self.context)

    async def _unpack_rest(self, start: bytes, chunks: AsyncIterator[bytes]) -> None:
        """Unpack a long archive while it arrives. A short one is taken in first, because a thread that unpacks small
        files and a loop that receives small chunks hold each other up (by the interpreter's lock).
        """
        target = self.context
        await anyio.to_thread.run_sync(partial(target.mkdir, mode=0o755, parents=True))
        readable, writable = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(writable, False)
        fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

        async def unpack() -> None:
            with os.fdopen(readable, "rb") as file:
                await anyio.to_thread.run_sync(_unpack, _After(start, file), target)

        await together(unpack, partial(_feed, writable, chunks))


@asynccontextmanager
async def working(builds: Path, snapshots: Snapshots) -> AsyncIterator[Workspace]:
    """A workspace for the block; afterwards nothing of it is left."""
    root = builds / _TEMPORARY / new_id()[:16]
    await anyio.to_thread.run_sync(partial(root.mkdir, mode=0o700, parents=True))
    try:
        yield Workspace(root, snapshots)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_remove, root)


def sweep(builds: Path) -> None:
    """Remove what builds of an earlier engine left. Blocks."""
    temporary = builds / _TEMPORARY
    if temporary.is_dir():
        for directory in temporary.iterdir():
            _remove(directory)


def _remove(root: Path) -> None:
    for point in reversed(list(mount_points(root))):
        unmount(point, lazily=True)
    delete_tree(root)


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def _unpack(file: _Readable, target: Path) -> None:
    try:
        inside(target, partial(read_into, "/", cast("IO[bytes]", _Ended(file)), is_strict=False))
    except tarfile.TarError as exc:
        raise BadRequest(f"the build context is no tar archive, or a broken one: {exc}") from exc
    except OSError as exc:
        raise EngineError(f"the build context cannot be unpacked: {exc.strerror or exc}") from exc


class _After:
    """A file behind bytes that were read of it already."""

    def __init__(self, start: bytes, file: _Readable) -> None:
        self._start = io.BytesIO(start)
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        return self._start.read(size) or self._file.read(size)


class _Ended:
    """An archive with the end that docker's command line leaves out where it has put a Dockerfile into a context:
    neither is the last file filled up to a whole block, nor do empty blocks follow. Behind a real end it is not read.
    """

    def __init__(self, file: _Readable) -> None:
        self._file = file
        self._rest = bytes(_END_BYTES)

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        if not data:
            data, self._rest = self._rest[:size], self._rest[size:]
        return data


async def _feed(descriptor: int, chunks: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in chunks:
            view = memoryview(chunk)
            while view:
                try:
                    view = view[os.write(descriptor, view) :]
                except BlockingIOError:
                    await anyio.wait_writable(descriptor)
    except BrokenPipeError:
        return  # the unpacking failed, and tells why
    finally:
        os.close(descriptor)
