"""What a container mounts: found, made, filled from the image, and let go of."""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import anyio.to_thread

from engine.containers.drivers import Drivers
from engine.containers.making.creation import check_bind_source
from engine.containers.making.mounts import oci_mount
from engine.containers.record import ContainerRecord, MountRecord
from engine.errors import BadRequest, EngineError, NotFound
from engine.kernel.mounts import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_REC,
    has_recursive_read_only,
    mount,
    mount_of,
    unmount,
)
from engine.runtime.oci.launch import OciMount
from engine.storage.copying import copy_tree
from engine.storage.rooted import open_in_root, resolve_in_root


class Sources:
    """Finds, makes and fills what a container mounts."""

    def __init__(self, drivers: Drivers) -> None:
        self._drivers = drivers

    async def prepare(self, record: ContainerRecord, rootfs: Path) -> list[OciMount]:
        """Get every mount's contents ready; the container's file system is mounted at `rootfs`."""
        mounts = []
        for number, wish in enumerate(record.mounts):
            source = await self._source(record, wish, rootfs, number)
            mounts.append(oci_mount(wish, str(source), can_nest=source.is_dir() and has_recursive_read_only()))
        return mounts

    async def discard(self, record: ContainerRecord, unused_volumes: Sequence[str]) -> None:
        """Unmount images, and volumes that no other container uses."""
        for number, wish in enumerate(record.mounts):
            if wish.kind == "image":
                await self._drivers.snapshots.unmount_at(self._image_place(record, number))
            elif wish.kind == "volume" and wish.subpath:
                await anyio.to_thread.run_sync(release_part, self._part_place(record, number))
        for name in unused_volumes:
            await self._drivers.volumes.unmount(name)

    async def _source(self, record: ContainerRecord, wish: MountRecord, rootfs: Path, number: int) -> Path:
        if wish.kind == "volume":
            path = await self._volume(wish, rootfs)
            place = self._part_place(record, number)
            return await anyio.to_thread.run_sync(hold_part, path, wish.subpath, place) if wish.subpath else path
        if wish.kind == "image":
            place = self._image_place(record, number)
            image = self._drivers.images.get(wish.source)
            await self._drivers.snapshots.mount_read_only(place, image.chain_ids)
            return _below(place, wish.subpath)
        if wish.kind == "bind":
            if wish.is_created:
                make_bind_source(Path(wish.source))
            check_bind_source(wish)
            await anyio.to_thread.run_sync(check_propagation, wish)
        return Path(wish.source)

    async def _volume(self, wish: MountRecord, rootfs: Path) -> Path:
        path = await self._drivers.volumes.mount(wish.name)
        if wish.is_seeded:
            source = await anyio.to_thread.run_sync(resolve_in_root, rootfs, wish.destination)
            if source.is_dir():
                fill = partial(copy_tree, source)
                is_mounted = bool(self._drivers.volumes.get(wish.name).options)
                await self._drivers.volumes.seed(wish.name, partial(_fill_mounted, fill) if is_mounted else fill)
        return path

    def _part_place(self, record: ContainerRecord, number: int) -> Path:
        # Not with the container's files, which are deleted as a whole: a part is somebody's data.
        return self._drivers.paths.run / "parts" / f"{record.id}-{number}"

    def _image_place(self, record: ContainerRecord, number: int) -> Path:
        return self._drivers.paths.containers / record.id / "images" / str(number)


def make_bind_source(path: Path) -> None:
    """Make a missing bind source a directory, as Docker does for `-v`. Raises `EngineError`."""
    try:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    except FileExistsError:
        return  # a file, socket or device: mounted as it is
    except OSError as exc:
        raise EngineError(f"error while creating mount source path '{path}': mkdir {path}: {exc.strerror}") from exc


def check_propagation(wish: MountRecord) -> None:
    """Raise `EngineError` where mounts cannot propagate as asked, because those of the host do not. Blocks."""
    if wish.propagation in ("", "private", "rprivate"):
        return
    entry = mount_of(Path(wish.source))
    wanted = "shared" if wish.propagation in ("shared", "rshared") else "shared or slave"
    if not (entry.is_shared or (entry.is_slave and wanted != "shared")):
        raise EngineError(
            f"path {wish.source} is mounted on {entry.point} but it is not a {wanted} mount",
            hint=f"let it be one with `mount --make-shared {entry.point}`",
        )


def hold_part(root: Path, subpath: str, place: Path) -> Path:
    """Mount what a volume has at `subpath` on `place`, and return that. Who writes to the volume meanwhile, as another
    container may, cannot put a link in its way that leads out. Blocks. Raises `BadRequest`, `NotFound`.
    """
    _below(root, subpath)
    descriptor = open_in_root(root, subpath, os.O_PATH)
    try:
        release_part(place)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            place.mkdir()
        else:
            place.touch()
        mount(f"/proc/self/fd/{descriptor}", place, flags=MS_BIND | MS_REC)
    finally:
        os.close(descriptor)
    return place


def release_part(place: Path) -> None:
    """Undo `hold_part`; nothing mounted is fine."""
    unmount(place, lazily=True)
    if place.is_dir():
        place.rmdir()
    else:
        place.unlink(missing_ok=True)


def share_memory(home: Path, record: ContainerRecord) -> OciMount:
    """A /dev/shm that other containers can mount, too, because it is the host's mount; made unless it is there."""
    place = home / "shm"
    place.mkdir(mode=0o700, exist_ok=True)
    if not place.is_mount():
        mount("shm", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, f"mode=1777,size={record.host_config.shm_size}")
    return OciMount("/dev/shm", str(place), "bind", ("rbind", "rprivate", "nosuid", "nodev", "noexec"))


def unshare_memory(home: Path) -> None:
    """Undo `share_memory`; nothing mounted is fine."""
    unmount(home / "shm", lazily=True)


async def _fill_mounted(fill: Callable[[Path], Awaitable[None]], target: Path) -> None:
    """Fill what the driver mounted, but leave the owner and mode that the mount's options gave it."""
    status = await anyio.to_thread.run_sync(target.stat)
    await fill(target)
    await anyio.to_thread.run_sync(_put_back, target, status)


def _put_back(target: Path, status: os.stat_result) -> None:
    os.chown(target, status.st_uid, status.st_gid)
    target.chmod(stat.S_IMODE(status.st_mode))


def _below(path: Path, subpath: str) -> Path:
    if not subpath:
        return path
    found = resolve_in_root(path, subpath)
    # Mounted is what is inside in any case; a link that would lead out is an error all the same, as with Docker.
    if not (path / subpath).resolve().is_relative_to(path.resolve()):
        raise BadRequest(f"path concatenation escapes the base directory, base: {path}, subpath: {subpath}")
    if not found.exists():
        raise NotFound(f"cannot access path {path / subpath}: lstat {path / subpath}: no such file or directory")
    return found
