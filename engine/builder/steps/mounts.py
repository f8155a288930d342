"""`RUN --mount`: what is mounted, from where, and what has to happen before and after."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from engine.builder.context.tree import Tree
from engine.builder.dockerfile.mounts import RunMount
from engine.errors import NotFound
from engine.kernel.mounts import mount, unmount
from engine.locks import KeyedLock
from engine.runtime.oci.launch import OciMount
from engine.state.store import Store
from engine.storage.copying import copy_tree
from engine.storage.deletion import delete_tree
from engine.storage.rooted import resolve_in_root

_BIND = ("rbind", "rprivate")


class CacheMount(msgspec.Struct, frozen=True, kw_only=True):
    """The directory behind a `--mount=type=cache`; `id` is the directory's name, `name` what the Dockerfile says."""

    id: str
    name: str
    created_ns: int
    used_ns: int
    uses: int = 1


class CacheMounts:
    """The directories that outlive builds, below one root."""

    def __init__(self, store: Store, root: Path) -> None:
        self._table = store.table("build-mount", CacheMount)
        self._root = root
        self._locks = KeyedLock()
        self._users: defaultdict[str, int] = defaultdict(int)

    def __iter__(self) -> Iterator[CacheMount]:
        return iter(self._table)

    @asynccontextmanager
    async def using(self, wish: RunMount, seed: Tree | None, now_ns: int) -> AsyncIterator[Path]:
        """The directory of a mount for the block; `locked` ones wait for each other, `private` ones never share."""
        identity = _identity(wish)
        if wish.sharing == "private" and self._users[identity]:
            identity = _identity(wish, str(now_ns))
        lock = self._locks(identity)
        if wish.sharing == "locked":
            await lock.acquire()
        self._users[identity] += 1
        try:
            yield await self._made(identity, wish, seed, now_ns)
        finally:
            self._users[identity] -= 1
            if wish.sharing == "locked":
                lock.release()

    def size_bytes(self, record: CacheMount) -> int:
        """The bytes in a directory. Blocks."""
        total = 0
        for folder, _, names in os.walk(self._root / record.id):
            total += sum(os.lstat(f"{folder}/{name}").st_size for name in names)
        return total

    def in_use(self, record: CacheMount) -> bool:
        """Whether a build has it mounted now."""
        return self._users[record.id] > 0

    async def remove(self, record: CacheMount) -> int:
        """Forget a directory and delete it; returns the bytes that this freed."""
        freed = await anyio.to_thread.run_sync(self.size_bytes, record)
        await self._table.delete(record.id)
        await anyio.to_thread.run_sync(delete_tree, self._root / record.id)
        return freed

    async def _made(self, identity: str, wish: RunMount, seed: Tree | None, now_ns: int) -> Path:
        place = self._root / identity
        known = self._table.get(identity)
        if known is None or not await anyio.Path(place).is_dir():
            await anyio.to_thread.run_sync(_make, place, wish)
            if seed is not None:
                await copy_tree(_below(seed, wish), place)
        record = CacheMount(
            id=identity,
            name=wish.identity,
            created_ns=known.created_ns if known else now_ns,
            used_ns=now_ns,
            uses=known.uses + 1 if known else 1,
        )
        await self._table.put(record)
        return place


def secret_mount(wish: RunMount, content: bytes, place: Path) -> OciMount:
    """A secret as a file that only the program sees. Blocks."""
    file = place / "secret"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        os.fchown(stream.fileno(), wish.uid, wish.gid)
        os.fchmod(stream.fileno(), 0o400 if wish.mode is None else wish.mode)
    return OciMount(wish.target, str(file), "bind", (*_BIND, "ro", "nosuid", "nodev", "noexec"))


def tmpfs_mount(wish: RunMount) -> OciMount:
    """An empty file system in memory."""
    size = (f"size={wish.size}",) if wish.size else ()
    return OciMount(wish.target, "tmpfs", "tmpfs", ("nosuid", "nodev", *size))


def cache_mount(wish: RunMount, place: Path) -> OciMount:
    """A directory that outlives the build."""
    return OciMount(wish.target, str(place), "bind", (*_BIND, *(("ro",) if wish.is_read_only else ())))


@asynccontextmanager
async def bind_mount(wish: RunMount, tree: Tree, place: Path) -> AsyncIterator[OciMount]:
    """A tree, or a part of it. What a program writes to one with `rw` is gone afterwards."""
    source = await anyio.to_thread.run_sync(_below, tree, wish)
    if wish.is_read_only or not source.is_dir():
        yield OciMount(wish.target, str(source), "bind", (*_BIND, "ro"))
        return
    target = await anyio.to_thread.run_sync(partial(_cover, source, place))
    try:
        yield OciMount(wish.target, str(target), "bind", _BIND)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(partial(unmount, target, lazily=True))


def _cover(source: Path, place: Path) -> Path:
    """A writable overlay over a directory."""
    for name in ("upper", "work", "merged"):
        (place / name).mkdir()
    options = f"lowerdir={source},upperdir={place}/upper,workdir={place}/work"
    mount("overlay", place / "merged", "overlay", 0, options)
    return place / "merged"


def _below(tree: Tree, wish: RunMount) -> Path:
    found = resolve_in_root(tree.root, wish.source)
    path = posixpath.normpath("/" + wish.source).strip("/")
    if not found.exists() or (path and tree.ignore.excludes(path)):
        raise NotFound(f"mount source {wish.source!r} does not exist", hint="it may be excluded by .dockerignore")
    return found


def _make(place: Path, wish: RunMount) -> None:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.chmod(0o755 if wish.mode is None else wish.mode)
    os.chown(place, wish.uid, wish.gid)


def _identity(wish: RunMount, more: str = "") -> str:
    return hashlib.sha256(f"{wish.identity}\0{wish.uid}:{wish.gid}\0{more}".encode()).hexdigest()[:32]
