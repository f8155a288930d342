"""Files that are of this boot only, in memory.

A start of a container makes a dozen small files, sockets and pipes that nobody wants on a disk: as inodes of a disk's
file system they take a sixth of its time. Mostly `/run` is in memory anyway. Where it is not, as in many containers and
small machines, the engine mounts a file system of its own there. That outlives an engine that is killed or leaves
containers behind, and the next one finds it again; one that leaves nothing there takes it along.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.kernel.mounts import MS_NODEV, MS_NOSUID, mount, mount_of, unmount
from engine.state.paths import Paths

log = logging.getLogger(__name__)

_MEMORY: Final = "tmpfs"
# A container has some 40 KiB here; who makes thousands must not take the memory that they need themselves.
_OPTIONS: Final = "mode=0700,size=20%"


@contextmanager
def in_memory(paths: Paths) -> Iterator[None]:
    """Have `paths.volatile` in memory meanwhile; a place where that is impossible stays on its disk. Blocks briefly.

    The caller holds the engine's lock. What earlier engines have left on a disk stays in sight: such a place is used
    as it is until it is empty when an engine starts.
    """
    for place in paths.volatile:
        try:
            _cover(place, f"pycompose-{paths.tag}")
        except OSError as exc:
            log.warning("%s stays on its disk, which makes starts slower: %s", place, exc.strerror)
    try:
        yield
    finally:
        for place in paths.volatile:
            _uncover(place)


def _cover(place: Path, name: str) -> None:
    if mount_of(place).filesystem not in (_MEMORY, "ramfs") and _is_empty(place):
        mount(name, place, _MEMORY, MS_NOSUID | MS_NODEV, _OPTIONS)


def _uncover(place: Path) -> None:
    found = mount_of(place)
    if found.filesystem == _MEMORY and found.point == place.resolve() and _is_empty(place):
        # Lazily: a monitor may be ending in a directory that is gone from it already.
        unmount(place, lazily=True)


def _is_empty(place: Path) -> bool:
    """Whether nothing of a container is there; an empty directory is the OCI runtime's own."""
    return all(path.is_dir() and not any(path.iterdir()) for path in place.iterdir())
