"""A container's files as its processes see them, also while it does not run.

A thread of its own moves into the container's root, in a mount namespace that ends with it: a copy of a living
container's, with everything that is mounted there but proc; else the snapshot, over which the thread mounts the
container's volumes. No name in an archive can then lead out, however the container's symlinks are laid and whatever it
does to them meanwhile. (Proc's links to other processes' roots are no names: they lead anywhere.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from engine.kernel.mounts import MS_BIND, MS_RDONLY, MS_REC, MS_REMOUNT, MS_SLAVE, mount, mounts_of_kind, unmount
from engine.kernel.namespaces import CLONE_FS, CLONE_NEWNS, on_own_thread, setns, unshare
from engine.storage.rooted import resolve_in_root

T = TypeVar("T")


class Overlay(Struct, frozen=True):
    """A host directory or file that lies over a path of the container."""

    source: Path
    destination: str
    is_read_only: bool = False


class Mounts(Struct, frozen=True):
    """The mounts of a process, held open: they stay as they are when it ends."""

    namespace: int
    root: int
    points_of_proc: Sequence[Path]

    def close(self) -> None:
        """Let go of them."""
        os.close(self.namespace)
        os.close(self.root)


class View(Struct, frozen=True):
    """A root directory and what lies over it, or the mounts of a process."""

    root: Path
    overlays: Sequence[Overlay] = ()
    mounts: Mounts | None = None

    def run(self, act: Callable[[], T]) -> T:
        """Run `act` with this root as `/` and the working directory. Blocks; raises what `act` raises, or `OSError`.

        `act` must not import modules or look up users: those of the container are not to be trusted.
        """

        def run() -> T:
            self._enter()
            return act()

        return on_own_thread(run)

    def _enter(self) -> None:
        if self.mounts is not None:
            _join(self.mounts)
            return
        unshare(CLONE_NEWNS if self.overlays else CLONE_FS)
        os.umask(0)
        if self.overlays:
            mount("", Path("/"), flags=MS_SLAVE | MS_REC)
        for overlay in self.overlays:
            self._lay(overlay)
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fchdir(descriptor)
        finally:
            os.close(descriptor)
        os.chroot(".")

    def _lay(self, overlay: Overlay) -> None:
        target = resolve_in_root(self.root, overlay.destination)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            if overlay.source.is_dir():
                target.mkdir()
            else:
                target.touch()
        mount(str(overlay.source), target, flags=MS_BIND | MS_REC)
        if overlay.is_read_only:
            mount("", target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)


def hold_mounts(process_id: int) -> Mounts:
    """Open the mounts of a process, to be closed. Raises `OSError`, of many kinds, if the process is ending."""
    with ExitStack() as opened:
        namespace = os.open(f"/proc/{process_id}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        opened.callback(os.close, namespace)
        root = os.open(f"/proc/{process_id}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        opened.callback(os.close, root)
        held = Mounts(namespace, root, tuple(mounts_of_kind("proc", process_id)))
        opened.pop_all()
    return held


def _join(mounts: Mounts) -> None:
    """Move the thread into a copy of a mount namespace without proc, at its root."""
    unshare(CLONE_FS)
    os.umask(0)
    setns(mounts.namespace, CLONE_NEWNS)
    unshare(CLONE_NEWNS)
    mount("", Path("/"), flags=MS_SLAVE | MS_REC)
    for point in reversed(mounts.points_of_proc):
        unmount(point, lazily=True)
