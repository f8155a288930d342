"""Copying files in and out of containers as tar archives (`docker cp`, configs and secrets of compose)."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import anyio
import anyio.to_thread

from engine.containers.concurrent import all_of, together
from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.tarball import read_into, write_from
from engine.containers.view import Overlay, View
from engine.errors import BadRequest, EngineError, NotFound
from engine.runtime.users import resolve_identity
from engine.wire.times import rfc3339

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

    async def get(self, container: Container, path: str) -> AsyncIterator[bytes]:
        """A tar archive of a file or directory, its names beginning with the path's last part. Raises `NotFound`."""
        async with self._view(container) as view:
            facts = await self._inside(view, container, path, partial(_stat, path))
            errors: list[Exception] = []
            readable, writable = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(readable, False)
            act = partial(_with_file, writable, "wb", partial(_write_archive, path, facts["name"]))

            async def write() -> None:
                errors.extend(await all_of(partial(self._inside, view, container, path, act)))
                os.close(writable)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(write)
                try:
                    async for chunk in _read(readable):
                        yield chunk
                finally:
                    # Inside the group: a thread that writes to a client who left ends only by this.
                    os.close(readable)
            if errors:
                raise errors[0]

    async def put(
        self, container: Container, path: str, tar: AsyncIterator[bytes], *, no_overwrite: bool, is_users: bool
    ) -> None:
        """Unpack a tar archive (plain or compressed) into a directory.

        Raises `NotFound` for a missing directory, `BadRequest` for what is none, for a read-only place or for a broken
        archive. With `no_overwrite` a directory never replaces a file, nor the other way round; with `is_users` all
        files belong to the container's user.
        """
        _check_writable(container, path)
        async with self._view(container) as view:
            owner = await anyio.to_thread.run_sync(_owner, container, view) if is_users else None
            readable, writable = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(writable, False)
            act = partial(
                _with_file, readable, "rb", partial(read_into, _clean(path), is_strict=no_overwrite, owner=owner)
            )

            async def unpack() -> None:
                try:
                    await self._inside(view, container, path, act)
                finally:
                    os.close(readable)

            await together(unpack, partial(_write, writable, tar))

    @asynccontextmanager
    async def _view(self, container: Container) -> AsyncIterator[View]:
        """The container's files; one that is not alive is kept from starting and going meanwhile."""
        if living := _living_view(container):
            yield living
            return
        async with container.lock:
            if living := _living_view(container):
                yield living
                return
            root = await self._drivers.snapshots.mount(container.id)
            try:
                yield View(root, [overlay async for overlay in self._overlays(container)])
            finally:
                with anyio.CancelScope(shield=True):
                    await self._drivers.snapshots.unmount(container.id)

    async def _overlays(self, container: Container) -> AsyncIterator[Overlay]:
        for mount in container.record.mounts:
            if mount.kind == "volume" and not mount.subpath:
                source = await self._drivers.volumes.mount(mount.name)
                yield Overlay(source, mount.destination, mount.is_read_only)
            elif mount.kind == "bind" and await anyio.Path(mount.source).exists():
                yield Overlay(Path(mount.source), mount.destination, mount.is_read_only)

    async def _inside(self, view: View, container: Container, path: str, act: Callable[[], Any]) -> Any:
        try:
            return await anyio.to_thread.run_sync(view.run, act)
        except (FileNotFoundError, ProcessLookupError) as exc:
            raise NotFound(f"Could not find the file {path} in container {container.name}") from exc
        except NotADirectoryError as exc:
            raise BadRequest(f"lstat {path}: not a directory") from exc
        except tarfile.TarError as exc:
            raise BadRequest(f"the archive cannot be read: {exc}") from exc
        except BrokenPipeError:
            return None  # the client went away
        except OSError as exc:
            kind = BadRequest if exc.errno == errno.EROFS else EngineError
            raise kind(f"{path} in container {container.name}: {exc.strerror or exc}") from exc


def _living_view(container: Container) -> View | None:
    if not container.is_alive:
        return None
    process_id = container.record.pid
    return View(Path(f"/proc/{process_id}/root"), process_id=process_id)


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


def _write_archive(path: str, name: str, output: IO[bytes]) -> None:
    write_from(_place(path), name, output)


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


def _with_file(descriptor: int, mode: str, act: Callable[[IO[bytes]], None]) -> None:
    with os.fdopen(descriptor, mode, closefd=False) as file:
        act(file)


async def _read(descriptor: int) -> AsyncIterator[bytes]:
    while True:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            await anyio.wait_readable(descriptor)
            continue
        if not chunk:
            return
        yield chunk


async def _write(descriptor: int, chunks: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in chunks:
            view = memoryview(chunk)
            while view:
                try:
                    view = view[os.write(descriptor, view) :]
                except BlockingIOError:
                    await anyio.wait_writable(descriptor)
    except BrokenPipeError:
        return  # the unpacking failed, and tells why, or has all it needs
    finally:
        os.close(descriptor)
