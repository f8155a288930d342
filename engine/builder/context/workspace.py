"""The directory of one build: its context, what it downloads, and the trees that it mounts to copy from.

    builds/tmp/<id>/sent         what the client sent: the context, and what came along with it
    builds/tmp/<id>/…            heredocs, downloads, mount points
    builds/mounts/<digest>       the contents of `RUN --mount=type=cache`, which stay

Everything below `tmp` goes with the build, or with the engine's next start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from engine.builder.context.intake import feed, take_in
from engine.kernel.mounts import mount_points, unmount
from engine.state.names import new_id
from engine.storage.deletion import delete_tree
from engine.storage.snapshots import Snapshots

TEMPORARY: Final = "tmp"
_SENT: Final = "sent"
_CONTEXT: Final = "context"


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
        return self.sent / _CONTEXT

    @property
    def sent(self) -> Path:
        """Where everything is that the client sent: in memory if that was not too much."""
        return self.root / _SENT

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

    async def unpack(self, chunks: AsyncIterator[bytes], name: str = _SENT) -> Path:
        """Unpack a tar archive, plain or compressed, in memory if it is not too long (`intake`), and return where it
        is: as the context, or as something else that the client sends. Raises `BadRequest` for a broken one.
        """
        place = self.root / name
        await feed(chunks, partial(take_in, place=place))
        return place / _CONTEXT


@asynccontextmanager
async def working(builds: Path, snapshots: Snapshots) -> AsyncIterator[Workspace]:
    """A workspace for the block; afterwards nothing of it is left."""
    root = builds / TEMPORARY / new_id()[:16]
    await anyio.to_thread.run_sync(partial(root.mkdir, mode=0o700, parents=True))
    try:
        yield Workspace(root, snapshots)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(clear, root)


def sweep(builds: Path) -> None:
    """Remove what builds of an earlier engine left. Blocks."""
    temporary = builds / TEMPORARY
    if temporary.is_dir():
        for directory in temporary.iterdir():
            clear(directory)


def clear(root: Path) -> None:
    """Delete a directory with everything that is mounted in it; a missing one is fine. Blocks."""
    for point in reversed(list(mount_points(root))):
        unmount(point, lazily=True)
    delete_tree(root)
