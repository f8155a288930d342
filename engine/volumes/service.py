"""Named volumes of the driver `local`: directories below `volumes/`, or mounts that the driver's options describe."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from engine.errors import BadRequest, Conflict, NoSuchVolume, NotFound
from engine.events.bus import EventBus
from engine.locks import KeyedLock
from engine.state.names import new_id
from engine.state.paths import Paths
from engine.state.store import Store
from engine.undo import undo_on_error
from engine.volumes.directories import Directories
from engine.volumes.options import mount_call
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
        self._directories = Directories(paths.volumes)
        self._records = store.table("volume", VolumeRecord)
        self._events = events
        self._locks = KeyedLock()

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
        async with self._locks(name):
            if existing := self._records.get(name):
                return self._shown(existing)
            labels = dict(request.labels) if request.name else {**request.labels, ANONYMOUS_LABEL: ""}
            record = VolumeRecord(id=name, created_ns=time.time_ns(), labels=labels, options=dict(request.driver_opts))
            async with undo_on_error() as undo:
                undo.append(lambda: anyio.to_thread.run_sync(self._directories.delete, name))
                await anyio.to_thread.run_sync(self._directories.make, name)
                await self._records.put(record)
        self._publish("create", name)
        return self._shown(record)

    async def recover(self) -> None:
        """Finish the removals that an engine died in, and remove the directories of volumes that were being made. These
        are empty: one that is not may be somebody's data, and stays.
        """
        directories = self._directories
        for name in directories.left_aside():
            if self._records.get(name) is not None and not directories.exists(name):
                await self._records.delete(name)
            await anyio.to_thread.run_sync(directories.delete_aside, name)
        await anyio.to_thread.run_sync(directories.remove_unfinished, lambda name: self._records.get(name) is not None)

    async def size(self, name: str) -> int:
        """The bytes of the files in a volume. Raises `NoSuchVolume`."""
        self._record(name)
        return await anyio.to_thread.run_sync(self._directories.size_bytes, name)

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
        async with self._locks(name):
            if self._records.get(name) is None:
                return  # someone else removed it meanwhile
            if users := used_by(name):
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._directories.unmount, name)
                await self._delete(name)
        self._publish("destroy", name)

    async def mount(self, name: str) -> Path:
        """The volume's directory, mounted if its options ask for it and it is not yet. Raises `NoSuchVolume`."""
        record = self._record(name)
        call = mount_call(record.options)
        if call is None:
            return self._directories.existing(name)
        async with self._locks(name):
            return await anyio.to_thread.run_sync(self._directories.mount, name, call)

    async def unmount(self, name: str) -> None:
        """Undo `mount`; nothing mounted, or no such volume, is fine."""
        record = self._records.get(name)
        if record is not None and record.options:
            async with self._locks(name):
                await anyio.to_thread.run_sync(self._directories.unmount, name)

    async def seed(self, name: str, fill: Callable[[Path], Awaitable[None]]) -> None:
        """Let `fill` write the first contents of a volume that is still empty.

        A filling that did not come to its end, even by `kill -9`, is thrown away and done again the next time.
        """
        async with self._locks(name):
            if not await anyio.to_thread.run_sync(self._directories.begin_filling, name):
                return
            await fill(self._directories.data(name))
            self._directories.end_filling(name)

    def path(self, name: str) -> Path:
        """Where a volume's contents are, whether it is mounted or not."""
        return self._directories.data(name)

    def _record(self, name: str) -> VolumeRecord:
        record = self._records.get(name)
        if record is None:
            raise NoSuchVolume(name)
        return record

    def _shown(self, record: VolumeRecord) -> Volume:
        return Volume(
            name=record.name,
            mountpoint=str(self._directories.data(record.name)),
            created_at=rfc3339_seconds(record.created_ns),
            labels=record.labels or None,
            options=record.options or None,
        )

    def _publish(self, action: str, name: str) -> None:
        self._events.publish("volume", action, name, {"driver": "local"})

    async def _delete(self, name: str) -> None:
        """Delete a volume's files and its record. They are set aside first, under a name that no volume can have: so it
        is either whole or, for the next engine, on its way out.
        """
        directories = self._directories
        async with undo_on_error() as undo:
            if await anyio.to_thread.run_sync(directories.set_aside, name):
                undo.append(lambda: anyio.to_thread.run_sync(directories.put_back, name))
            await self._records.delete(name)
        await anyio.to_thread.run_sync(directories.delete_aside, name)


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
