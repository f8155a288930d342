"""Named volumes of the driver `local`: directories below `volumes/`, or mounts that the driver's options describe."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from engine.errors import BadRequest, Conflict, EngineError, NoSuchVolume, NotFound
from engine.events.bus import EventBus
from engine.kernel.mounts import MS_BIND, MS_RDONLY, MS_REMOUNT, mount, mount_points, unmount
from engine.state.names import new_id
from engine.state.paths import Paths
from engine.state.store import Store
from engine.undo import undo_on_error
from engine.volumes.options import MountCall, mount_call
from engine.wire.times import rfc3339_seconds
from engine.wire.volumes import Volume, VolumeCreateRequest

ANONYMOUS_LABEL: Final = "com.docker.volume.anonymous"
_ALLOWED: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_LONGEST_NAME: Final = 255  # bytes, as of every directory


class VolumeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A volume; its name is its identity. `options` are the driver's (`type`, `o`, `device`)."""

    id: str
    created_ns: int
    labels: dict[str, str] = {}
    options: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The name, which is also the id."""
        return self.id


class VolumeService:
    """The volumes of one engine.

    volume = await volumes.create(VolumeCreateRequest(name="data"))
    path = await volumes.mount("data")      # a directory, with the driver's mount on it if it has options
    await volumes.unmount("data")           # once no container uses it any more
    """

    def __init__(self, paths: Paths, store: Store, events: EventBus) -> None:
        self._paths = paths
        self._records = store.table("volume", VolumeRecord)
        self._events = events
        self._locks: dict[str, anyio.Lock] = {}

    async def create(self, request: VolumeCreateRequest) -> Volume:
        """Make a volume, or return the one of that name. Raises `BadRequest`, `NotFound` for an unknown driver."""
        if request.driver not in ("", "local"):
            raise NotFound(
                f'create {request.name}: error looking up volume plugin {request.driver}: plugin "{request.driver}" '
                "not found",
                hint="this engine has the driver local only",
            )
        name = request.name or new_id()
        check_volume_name(name)
        try:
            mount_call(request.driver_opts)
        except BadRequest as exc:
            raise BadRequest(f"create {name}: {exc.message}", hint=exc.hint) from exc
        async with self._lock(name):
            if existing := self._records.get(name):
                return self._shown(existing)
            labels = dict(request.labels) if request.name else {**request.labels, ANONYMOUS_LABEL: ""}
            record = VolumeRecord(id=name, created_ns=time.time_ns(), labels=labels, options=dict(request.driver_opts))
            async with undo_on_error() as undo:
                undo.append(partial(self._delete_files, name))
                await anyio.to_thread.run_sync(self._make_directory, name)
                await self._records.put(record)
        self._publish("create", name)
        return self._shown(record)

    async def recover(self) -> None:
        """Finish the removals that an engine died in, and remove the directories of volumes that were being made. These
        are empty: one that is not may be somebody's data, and stays.
        """
        for place in [place for place in self._paths.volumes.iterdir() if place.name.startswith(".")]:
            name = place.name[1:]
            if self._records.get(name) is not None and not (self._paths.volumes / name).exists():
                await self._records.delete(name)
            await anyio.to_thread.run_sync(_delete_tree, place)
        await anyio.to_thread.run_sync(self._remove_unfinished)

    async def size(self, name: str) -> int:
        """The bytes of the files in a volume. Raises `NoSuchVolume`."""
        self._record(name)
        return await anyio.to_thread.run_sync(lambda: sum(_file_sizes(self._data(name))))

    def get(self, name: str) -> Volume:
        """The volume of that name. Raises `NoSuchVolume`."""
        return self._shown(self._record(name))

    def all(self) -> list[Volume]:
        """Every volume, the oldest first."""
        return [self._shown(record) for record in self._records]

    async def remove(self, name: str, *, force: bool, used_by: Callable[[str], Sequence[str]]) -> None:
        """Delete a volume and what is in it. With `force` a missing one is fine.

        Raises `NoSuchVolume`, and `Conflict` while `used_by(name)` names containers.
        """
        if force and self._records.get(name) is None:
            return
        self._record(name)
        async with self._lock(name):
            if self._records.get(name) is None:
                return  # someone else removed it meanwhile
            if users := used_by(name):
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._unmount, name)
                await self._delete(name)
        self._locks.pop(name, None)
        self._publish("destroy", name)

    async def mount(self, name: str) -> Path:
        """The volume's directory, mounted if its options ask for it and it is not yet. Raises `NoSuchVolume`."""
        record = self._record(name)
        call = mount_call(record.options)
        if call is None:
            return self._existing(name)
        async with self._lock(name):
            return await anyio.to_thread.run_sync(self._mount, name, call)

    async def unmount(self, name: str) -> None:
        """Undo `mount`; nothing mounted, or no such volume, is fine."""
        record = self._records.get(name)
        if record is not None and record.options:
            async with self._lock(name):
                await anyio.to_thread.run_sync(self._unmount, name)

    async def seed(self, name: str, fill: Callable[[Path], Awaitable[None]]) -> None:
        """Let `fill` write the first contents of a volume that is still empty.

        A filling that did not come to its end, even by `kill -9`, is thrown away and done again the next time.
        """
        async with self._lock(name):
            path, marker = self._data(name), self._paths.volumes / name / "filling"
            if not await anyio.to_thread.run_sync(_is_fresh, path, marker):
                return
            await fill(path)
            marker.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """Where a volume's contents are, whether it is mounted or not."""
        return self._data(name)

    def _record(self, name: str) -> VolumeRecord:
        record = self._records.get(name)
        if record is None:
            raise NoSuchVolume(name)
        return record

    def _lock(self, name: str) -> anyio.Lock:
        return self._locks.setdefault(name, anyio.Lock())

    def _data(self, name: str) -> Path:
        return self._paths.volumes / name / "_data"

    def _existing(self, name: str) -> Path:
        place = self._data(name)
        if not place.is_dir():
            raise EngineError(
                f'error evaluating symlinks from mount source "{place}": lstat {place}: no such file or directory',
                hint=f"somebody removed the volume's directory: remove the volume {name}, and it can be made again",
            )
        return place

    def _shown(self, record: VolumeRecord) -> Volume:
        return Volume(
            name=record.name,
            mountpoint=str(self._data(record.name)),
            created_at=rfc3339_seconds(record.created_ns),
            labels=record.labels or None,
            options=record.options or None,
        )

    def _publish(self, action: str, name: str) -> None:
        self._events.publish("volume", action, name, {"driver": "local"})

    def _make_directory(self, name: str) -> None:
        (self._paths.volumes / name).mkdir(mode=0o701, exist_ok=True)
        self._data(name).mkdir(mode=0o755, exist_ok=True)

    def _remove_unfinished(self) -> None:
        for place in self._paths.volumes.iterdir():
            if self._records.get(place.name) is None:
                with contextlib.suppress(OSError):  # not empty, or not a directory: not of our making
                    for directory in (place / "_data", place):
                        if directory.is_dir():
                            directory.rmdir()

    async def _delete(self, name: str) -> None:
        """Delete a volume's files and its record. They are set aside first, under a name that no volume can have: so it
        is either whole or, for the next engine, on its way out.
        """
        place, aside = self._paths.volumes / name, self._paths.volumes / f".{name}"
        async with undo_on_error() as undo:
            if await anyio.to_thread.run_sync(_is_moved, place, aside):
                undo.append(lambda: anyio.to_thread.run_sync(aside.rename, place))
            await self._records.delete(name)
        await anyio.to_thread.run_sync(_delete_tree, aside)

    async def _delete_files(self, name: str) -> None:
        await anyio.to_thread.run_sync(_delete_tree, self._paths.volumes / name)

    def _mount(self, name: str, call: MountCall) -> Path:
        target = self._data(name)
        if os.path.ismount(target):
            return target
        try:
            if call.address:
                call = call.at_address(socket.gethostbyname(call.address))
            mount(call.source, target, call.filesystem, call.flags, call.data)
            if call.flags & MS_BIND and call.flags & MS_RDONLY:
                mount("", target, flags=call.flags | MS_REMOUNT)
        except OSError as exc:
            is_unknown = exc.errno == errno.ENODEV
            raise EngineError(
                f"error while mounting volume '{target}': failed to mount local volume: mount {call.source}:{target}"
                f"{call.described}: {(exc.strerror or str(exc)).lower()}",
                hint=f"this kernel has no file system {call.filesystem}" if is_unknown else "check its driver_opts",
            ) from exc
        return target

    def _unmount(self, name: str) -> None:
        target = self._data(name)
        if not target.is_dir():
            return
        for point in reversed(list(mount_points(target))):
            unmount(point, lazily=True)


def check_volume_name(name: str) -> None:
    """Raise `BadRequest` for a name that Docker would not take."""
    if len(name) == 1:
        raise BadRequest(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if len(name) > _LONGEST_NAME:
        raise BadRequest(f"create {name}: volume name is too long", hint=f"at most {_LONGEST_NAME} characters")
    if not _ALLOWED.fullmatch(name):
        raise BadRequest(
            f'create {name}: "{name}" includes invalid characters for a local volume name, '
            'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )


def _is_moved(source: Path, target: Path) -> bool:
    """Rename a directory; whether there was one. What an earlier removal could not delete makes way."""
    _delete_tree(target)
    try:
        source.rename(target)
    except FileNotFoundError:
        return False
    return True


def _is_fresh(path: Path, marker: Path) -> bool:
    """Whether a volume waits for its first contents; if so, mark it as being filled."""
    if marker.exists():
        for entry in path.iterdir():
            _delete_tree(entry)
    elif any(path.iterdir()):
        return False
    marker.touch()
    return True


def _file_sizes(directory: Path) -> Iterator[int]:
    for parent, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # deleted while we look
                yield os.lstat(f"{parent}/{name}").st_size


def _delete_tree(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
