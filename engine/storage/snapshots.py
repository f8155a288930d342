"""Writable file systems for containers: overlayfs over an image's layers (Docker's graph driver).

    containers/<id>/upper, work   what the container changed
    containers/<id>/rootfs        the mount point
    containers/<id>/lower         the chain ids, lowest first, a line each, and a last line `.`

Every call is idempotent and depends only on what is on disk and mounted, so it works after a crash as before.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import anyio.to_thread

from engine.errors import EngineError, NotFound
from engine.kernel.attributes import keep_apart
from engine.kernel.mounts import MS_RDONLY, mount, mount_points, unmount
from engine.kernel.smallfiles import contents, write
from engine.state.paths import Paths
from engine.storage.changes import Change, changes
from engine.storage.deletion import delete_tree
from engine.storage.ground import lay_ground
from engine.storage.jail import at
from engine.storage.layers import CapturedLayer, Layers

# Inodes need not be the same for all hard links after a copy-up (`index`), metadata is copied up with its data
# (`metacopy`), and renamed directories are copied (`redirect_dir`): an upper directory thus stays a plain layer,
# whatever the kernel's defaults are.
_OPTIONS = "index=off,metacopy=off,redirect_dir=off"
_END = "."
_PARTS = ("rootfs", "upper", "work")
_GROUND = "ground"
_OVERLAY_HINT = "see the kernel log (dmesg); the state directory must be on a file system that overlayfs takes"
# Of these the kernel log has nothing to say.
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM)


class Snapshots:
    """One writable file system per container.

    await snapshots.create(container_id, image.chain_ids)
    rootfs = await snapshots.mount(container_id)
    ...
    await snapshots.unmount(container_id)
    await snapshots.remove(container_id)
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._layers = Layers(paths.layers)
        self._home_from_layers = os.path.relpath(paths.containers, self._layers.root)
        lay_ground(paths.layers / _GROUND)
        keep_apart(paths.containers)

    async def create(self, container_id: str, chain_ids: Sequence[str]) -> None:
        """Make the directories and remember the layers. Raises `NotFound` when a layer is gone."""
        await anyio.to_thread.run_sync(self._create, container_id, tuple(chain_ids))

    async def mount(self, container_id: str) -> Path:
        """Mount the container's file system, unless it is mounted, and return its root."""
        return await anyio.to_thread.run_sync(self.mount_now, container_id)

    def mount_now(self, container_id: str) -> Path:
        """Do what `mount` does. Blocks."""
        home = self._home(container_id)
        rootfs = home / "rootfs"
        chain_ids = self.chain_ids(container_id)
        if _is_mounted(home, rootfs):
            return rootfs
        place = f"{self._home_from_layers}/{container_id}"
        options = f"{self._lower(chain_ids)}:{_GROUND},upperdir={place}/upper,workdir={place}/work,{_OPTIONS}"
        self._mount_overlay(rootfs, options, 0)
        return rootfs

    async def unmount(self, container_id: str) -> None:
        """Unmount the container's file system, and what is mounted inside it, if it is mounted."""
        await anyio.to_thread.run_sync(self.unmount_now, container_id)

    def unmount_now(self, container_id: str) -> None:
        """Do what `unmount` does. Blocks."""
        _unmount_all(self._home(container_id) / "rootfs")

    async def remove(self, container_id: str) -> None:
        """Unmount the container's file system and delete what the container wrote."""
        await anyio.to_thread.run_sync(self.remove_now, container_id)

    def remove_now(self, container_id: str) -> None:
        """Do what `remove` does. Blocks."""
        home = self._home(container_id)
        _unmount_all(home / "rootfs")
        delete_tree(home / "work" / "work")  # overlayfs made it
        for name in _PARTS:
            delete_tree(home / name)
        (home / "lower").unlink(missing_ok=True)

    async def size(self, container_id: str) -> int:
        """The bytes of the files that the container wrote."""
        return await anyio.to_thread.run_sync(lambda: sum(_file_sizes(self.upper(container_id))))

    async def changes(self, container_id: str) -> list[Change]:
        """What the container changed in its image's files, parents first. Raises `NotFound`."""
        return await anyio.to_thread.run_sync(lambda: changes(self.upper(container_id), self.below(container_id)))

    async def capture(self, container_id: str, *, moves: bool = False) -> CapturedLayer:
        """Make a layer of what the container wrote, on top of its image's, as `Layers.capture` does.

        With `moves` the file system must not be mounted, and afterwards can only be removed. Raises `NotFound`.
        """

        def act() -> CapturedLayer:
            return self._layers.capture(self.upper(container_id), self.chain_ids(container_id), moves=moves)

        return await anyio.to_thread.run_sync(act)

    def upper(self, container_id: str) -> Path:
        """Where the container's changes are."""
        return self._home(container_id) / "upper"

    async def mount_read_only(self, target: Path, chain_ids: Sequence[str]) -> None:
        """Mount an image's layers on `target` (created), read-only. `unmount_at` ends it."""
        await anyio.to_thread.run_sync(self._mount_read_only, target, tuple(chain_ids))

    async def unmount_at(self, target: Path) -> None:
        """Unmount what `mount_read_only` mounted and remove the mount point; nothing there is fine."""

        def act() -> None:
            _unmount_all(target)
            if target.exists():
                target.rmdir()

        await anyio.to_thread.run_sync(act)

    async def recover(self, known: Collection[str]) -> None:
        """Remove the file systems that were being made when an engine died. One that has something in it although it
        is of no `known` container may be somebody's data, and stays, unmounted.
        """
        await anyio.to_thread.run_sync(self._remove_unfinished, frozenset(known))

    def chain_ids(self, container_id: str) -> list[str]:
        """The layers below a container, lowest first. Raises `NotFound`."""
        try:
            *chain, end = contents(self._home(container_id) / "lower").decode("ascii").split()
        except (FileNotFoundError, ValueError):
            chain, end = [], ""
        if end != _END:
            raise NotFound(f"container {container_id} has no file system")
        return chain

    def diff_ids(self, container_id: str) -> list[str]:
        """The digests of the layers below a container, lowest first. Raises `NotFound`."""
        return [self._layers.record(chain_id).diff_id for chain_id in self.chain_ids(container_id)]

    def layers_in_use(self) -> frozenset[str]:
        """Every layer that some container stands on. Blocks."""
        used: set[str] = set()
        for file in self._paths.containers.glob("*/lower"):
            with suppress(FileNotFoundError):  # a container that goes at this moment needs none
                used.update(file.read_text("ascii").split())
        return frozenset(used) - {_END}

    def below(self, container_id: str) -> list[Path]:
        """The directories of the layers below a container, lowest first. Raises `NotFound`."""
        chain_ids = self.chain_ids(container_id)
        return [self._layers.root / _GROUND, *(self._layers.path(chain_id) for chain_id in chain_ids)]

    def _home(self, container_id: str) -> Path:
        return self._paths.containers / container_id

    def _create(self, container_id: str, chain_ids: Sequence[str]) -> None:
        home = self._home(container_id)
        home.mkdir(mode=0o711, exist_ok=True)
        for name, mode in (("upper", 0o755), ("work", 0o700), ("rootfs", 0o755)):
            (home / name).mkdir(mode=mode, exist_ok=True)
        # Before the look at the layers: who prunes layers reads these files first, so one of the two notices.
        # Not synced, as this would cost more than all the rest; the last line tells whether it survived a power cut.
        write(home / "lower", "".join(f"{line}\n" for line in (*chain_ids, _END)).encode("ascii"))
        if missing := [chain_id for chain_id in chain_ids if not self._layers.has(chain_id)]:
            raise NotFound(
                f"layer {missing[0]} is not there", hint="its image was removed meanwhile, or damaged; pull it again"
            )

    def _mount_read_only(self, target: Path, chain_ids: Sequence[str]) -> None:
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not os.path.ismount(target):
            # Without an upper directory overlayfs wants two lower ones.
            lower = self._lower(chain_ids)
            if len(chain_ids) == 1:
                lower += f":{self._layers.empty_path}"
            self._mount_overlay(target, f"{lower},{_OPTIONS}", MS_RDONLY)

    def _lower(self, chain_ids: Sequence[str]) -> str:
        names = [self._layers.short_path(chain_id) for chain_id in reversed(chain_ids)]
        return "lowerdir=" + ":".join(names or [self._layers.empty_path])

    def _mount_overlay(self, target: Path, options: str, flags: int) -> None:
        # Relative names: short enough for 127 layers in the one page of options, and nothing needs escaping.
        try:
            at(self._layers.root, lambda: mount("overlay", target, "overlay", flags, options))
        except OSError as exc:
            raise EngineError(
                f"overlay cannot be mounted on {target}: {exc.strerror}",
                hint="" if exc.errno in _EXHAUSTED else _OVERLAY_HINT,
            ) from exc

    def _remove_unfinished(self, known: frozenset[str]) -> None:
        for home in self._paths.containers.iterdir():
            if home.name not in known:
                with suppress(OSError):  # something is in it: not of our making, or not unfinished
                    _unmount_all(home / "rootfs")
                    for name in _PARTS:
                        if (home / name).exists():
                            (home / name).rmdir()
                    (home / "lower").unlink(missing_ok=True)
                    home.rmdir()


def _unmount_all(target: Path) -> None:
    """Unmount a directory; when something is mounted inside, or it is mounted over, everything, deepest first."""
    try:
        while unmount(target):
            continue
    except OSError as exc:
        if exc.errno != errno.EBUSY:
            raise
        for point in reversed(list(mount_points(target))):
            _unmount_one(point)


def _is_mounted(home: Path, rootfs: Path) -> bool:
    """Whether there is another file system on a directory than on the one that it is in."""
    try:
        return rootfs.stat().st_dev != home.stat().st_dev
    except FileNotFoundError:
        return False


def _unmount_one(point: Path) -> None:
    try:
        unmount(point)
    except OSError as exc:
        if exc.errno != errno.EBUSY:
            raise
        # A process that the kernel is still taking down may hold it for a moment more.
        unmount(point, lazily=True)


def _file_sizes(directory: Path) -> Iterator[int]:
    seen: set[int] = set()
    for folder, _, names in os.walk(directory):
        yield from _sizes(folder, names, seen)


def _sizes(folder: str, names: Iterable[str], seen: set[int]) -> Iterator[int]:
    for name in names:
        try:
            found = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - millions of names are cheaper as text
        except FileNotFoundError:
            continue  # the container runs and removed it meanwhile
        if found.st_nlink == 1 or found.st_ino not in seen:
            seen.add(found.st_ino)
            yield found.st_size
