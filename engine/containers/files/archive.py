"""Copying files in and out of containers as tar archives (`docker cp`, configs and secrets of compose)."""

from __future__ import annotations

import errno
import io
import os
import posixpath
import stat
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.files.tarball import read_into, write_from
from engine.containers.files.view import Mounts, Overlay, View, hold_mounts
from engine.containers.making.surroundings import etc_mounts
from engine.errors import BadRequest, Conflict, EngineError, NotFound
from engine.runtime.oci.users import resolve_identity
from engine.storage.compression import Read
from engine.storage.streaming import Write, consumed, streamed
from engine.wire.times import rfc3339

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_CHUNK: Final = 1 << 17
# Go's fs.FileMode, which the API uses: its own bits for the kinds of files.
_GO_KINDS: Final = (
    (stat.S_ISDIR, 1 << 31),
    (stat.S_ISLNK, 1 << 27),
    (stat.S_ISFIFO, 1 << 25),
    (stat.S_ISSOCK, 1 << 24),
    (stat.S_ISBLK, 1 << 26),
    (stat.S_ISCHR, 1 << 26 | 1 << 21),
)
_GO_BITS: Final = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))


class Archives:
    """Reads and writes containers' files."""

    def __init__(self, drivers: Drivers) -> None:
        self._drivers = drivers

    async def stat(self, container: Container, path: str) -> dict[str, Any]:
        """What is at a path: name, size, mode (Go's bits), mtime, linkTarget. Raises `NotFound`."""
        async with self._view(container) as view:
            found: dict[str, Any] = await self._inside(view, container, path, partial(_stat, path))
            return found

    async def get(self, container: Container, path: str) -> AsyncGenerator[bytes, None]:
        """A tar archive of a file or directory, its names beginning with the path's last part. Raises `NotFound`."""
        async with self._view(container) as view:
            facts = await self._inside(view, container, path, partial(_stat, path))

            def produce(write: Write) -> None:
                with _told(container, path):
                    view.run(partial(_write_archive, path, facts["name"], write))

            # In no task group of ours: whoever iterates may stop at any point.
            async with aclosing(streamed(produce)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def put(
        self, container: Container, path: str, tar: AsyncIterator[bytes], *, no_overwrite: bool, is_users: bool
    ) -> None:
        """Unpack a tar archive (plain or compressed) into a directory.

        Raises `NotFound` for a missing directory, `BadRequest` for what is none, for a read-only place or for a broken
        archive. With `no_overwrite` a directory never replaces a file, nor the other way round; with `is_users` all
        files belong to the container's user.
        """
        _check_writable(container, path)
        async with self._view(container, writes=True) as view:
            owner = await anyio.to_thread.run_sync(_owner, container, view) if is_users else None

            def consume(read: Read) -> None:
                with _told(container, path, no_directory="extraction point is not a directory"):
                    view.run(partial(_read_archive, path, read, is_strict=no_overwrite, owner=owner))

            await consumed(tar, consume)

    @asynccontextmanager
    async def _view(self, container: Container, *, writes: bool = False) -> AsyncIterator[View]:
        """The container's files; one that is not alive is kept from starting and going meanwhile."""
        while True:
            if mounts := await self._mounts(container):
                with closing(mounts):
                    yield View(Path(f"/proc/self/fd/{mounts.root}"), mounts=mounts)
                return
            async with container.lock:
                if container.is_alive:
                    continue
                root = await self._drivers.snapshots.mount(container.id)
                try:
                    overlays = [overlay async for overlay in self._overlays(container)]
                    # A start writes these anew, so what is put there has nowhere to go.
                    etc = [] if writes else await anyio.to_thread.run_sync(self._etc, container, overlays)
                    yield View(root, [*etc, *overlays])
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._drivers.snapshots.unmount(container.id)
                return

    async def _mounts(self, container: Container) -> Mounts | None:
        """A living container's mounts; None once it has ended, and that is recorded."""
        if not container.is_alive:
            return None
        run, mounts = container.run, None
        with suppress(OSError):
            mounts = hold_mounts(container.record.pid)
        # If it is there even now, its number cannot have become another process's before.
        if mounts and self._drivers.runtime.has_process(container.id):
            return mounts
        if mounts:
            mounts.close()
        if run is None:
            raise Conflict(f"container {container.name} is ending")
        await run.ended.wait()
        return None

    async def _overlays(self, container: Container) -> AsyncIterator[Overlay]:
        for mount in container.record.mounts:
            if mount.kind == "volume" and not mount.subpath:
                source = await self._drivers.volumes.mount(mount.name)
                yield Overlay(source, mount.destination, mount.is_read_only)
            elif mount.kind == "bind" and await anyio.Path(mount.source).exists():
                yield Overlay(Path(mount.source), mount.destination, mount.is_read_only)

    def _etc(self, container: Container, overlays: Sequence[Overlay]) -> list[Overlay]:
        """The generated files of the container's last start, where the user has not laid others."""
        mounts = etc_mounts(self._drivers.paths.containers / container.id, [each.destination for each in overlays])
        return [Overlay(Path(mount.source), mount.destination) for mount in mounts if Path(mount.source).exists()]

    async def _inside(self, view: View, container: Container, path: str, act: Callable[[], Any]) -> Any:
        def run() -> Any:
            with _told(container, path):
                return view.run(act)

        return await anyio.to_thread.run_sync(run)


@contextmanager
def _told(container: Container, path: str, *, no_directory: str = "") -> Iterator[None]:
    """Tell a client what the system says of one of a container's files."""
    try:
        yield
    except BrokenPipeError:
        raise  # the client went away
    except (FileNotFoundError, ProcessLookupError) as exc:
        raise NotFound(f"Could not find the file {path} in container {container.name}") from exc
    except NotADirectoryError as exc:
        raise BadRequest(no_directory) if no_directory else EngineError(f"lstat {path}: not a directory") from exc
    except tarfile.TarError as exc:
        raise EngineError(f"the archive cannot be read: {exc}") from exc
    except OSError as exc:
        kind = BadRequest if exc.errno == errno.EROFS else EngineError
        raise kind(f"{path} in container {container.name}: {exc.strerror or exc}") from exc


def _check_writable(container: Container, path: str) -> None:
    """Raise `BadRequest` if a path is on a read-only mount, or on none and the container's own files are read-only."""
    clean, record = _clean(path), container.record
    over = [one for one in record.mounts if f"{clean}/".startswith(f"{one.destination.rstrip('/')}/")]
    mount = max(over, key=lambda one: len(one.destination), default=None)
    if mount is not None and mount.kind == "tmpfs" and not container.is_alive:
        mount = None  # it is there with the processes only
    if mount is not None and mount.is_read_only:
        raise BadRequest("mounted volume is marked read-only")
    if mount is None and record.host_config.readonly_rootfs:
        raise BadRequest("container rootfs is marked read-only")


def _owner(container: Container, view: View) -> tuple[int, int] | None:
    user = container.record.config.user
    identity = resolve_identity(view.root, user, ()) if user else None
    return (identity.uid, identity.gid) if identity else None


def _stat(path: str) -> dict[str, Any]:
    place = _place(path)
    found = Path(place).lstat()
    if _is_directory_wanted(path) and not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(path)
    target = os.path.realpath(place) if stat.S_ISLNK(found.st_mode) else ""
    return {
        "name": _archive_name(path),
        "size": found.st_size,
        "mode": _go_mode(found.st_mode),
        "mtime": rfc3339(found.st_mtime_ns),
        "linkTarget": target,
    }


def _go_mode(mode: int) -> int:
    kind = next((bits for is_kind, bits in _GO_KINDS if is_kind(mode)), 0)
    extra = sum(bits for flag, bits in _GO_BITS if mode & flag)
    return kind | extra | mode & 0o777


def _write_archive(path: str, name: str, write: Write) -> None:
    with io.BufferedWriter(_Sink(write), _CHUNK) as output:
        write_from(_place(path), name, output)


def _read_archive(path: str, read: Read, *, is_strict: bool, owner: tuple[int, int] | None) -> None:
    with io.BufferedReader(_Source(read), _CHUNK) as source:
        read_into(_clean(path), source, is_strict=is_strict, owner=owner)


class _Sink(io.RawIOBase):
    """A function that writes, as a file."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        content = bytes(data)
        self._write(content)
        return len(content)


class _Source(io.RawIOBase):
    """A function that reads, as a file."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        content = self._read(len(view))
        view[: len(content)] = content
        return len(content)


def _archive_name(path: str) -> str:
    """What a path is called in its archive: its last part; `.` if only its contents are meant."""
    return "." if path == "." or path.endswith("/.") else posixpath.basename(_clean(path)) or "/"


def _place(path: str) -> str:
    """Where a path is. A slash or a dot at its end asks for the directory behind a symlink."""
    clean = _clean(path)
    return os.path.realpath(clean, strict=True) if _is_directory_wanted(path) else clean


def _is_directory_wanted(path: str) -> bool:
    return path.endswith(("/", "/."))


def _clean(path: str) -> str:
    return posixpath.normpath("/" + path.lstrip("/"))
