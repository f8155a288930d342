"""What the build cache takes on the disk, as `docker system df -v` and `docker builder prune` see it. Blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from msgspec import Struct

from engine.builder.cache import Cache
from engine.builder.context.keeping import Kept
from engine.builder.steps.mounts import CacheMounts

_STEP: Final = "regular"
_MOUNT: Final = "exec.cachemount"
_CONTEXT: Final = "source.local"


class CacheUsage(Struct, frozen=True, kw_only=True):
    """One step's layer, a directory of a cache mount, or the files of a context. `is_shared` says that an image has the
    layer, too.
    """

    id: str
    kind: str
    description: str
    size_bytes: int
    created_ns: int
    used_ns: int
    uses: int
    in_use: bool = False
    is_shared: bool = False
    parents: tuple[str, ...] = ()


class Bounds(Struct, frozen=True):
    """How much of the cache a prune leaves, in bytes; 0 says nothing. `reserved` stays whatever the others say."""

    most: int = 0
    reserved: int = 0
    least_free: int = 0

    @property
    def is_everything(self) -> bool:
        """Whether nothing has to stay."""
        return not (self.most or self.reserved or self.least_free)

    def kept_bytes(self, taken_bytes: int, free_bytes: int) -> int:
        """How many bytes of the cache may stay, of those that it takes, where the disk has so many free ones."""
        if self.is_everything:
            return 0
        kept = self.most or (taken_bytes if self.least_free else 0)
        if self.least_free > free_bytes:
            kept = min(kept, taken_bytes - (self.least_free - free_bytes))
        return max(kept, self.reserved)


def usage_of(cache: Cache, mounts: CacheMounts, contexts: Iterable[Kept], needed: Collection[str]) -> list[CacheUsage]:
    """Everything that is cached; `needed` are the layers of images."""
    steps = [
        CacheUsage(
            id=entry.id,
            kind=_STEP,
            description=entry.description,
            size_bytes=entry.size_bytes,
            created_ns=entry.created_ns,
            used_ns=entry.used_ns,
            uses=entry.uses,
            is_shared=bool(entry.chain_ids) and entry.chain_ids[-1] in needed,
        )
        for entry in cache
        if entry.has_layer
    ]
    directories = [
        CacheUsage(
            id=record.id,
            kind=_MOUNT,
            description=f"cached mount {record.name}",
            size_bytes=mounts.size_bytes(record),
            created_ns=record.created_ns,
            used_ns=record.used_ns,
            uses=record.uses,
            in_use=mounts.in_use(record),
        )
        for record in mounts
    ]
    sources = [
        CacheUsage(
            id=kept.id,
            kind=_CONTEXT,
            description=f"local source for {kept.name}",
            size_bytes=kept.size_bytes,
            created_ns=kept.created_ns,
            used_ns=kept.used_ns,
            uses=kept.uses,
            in_use=kept.in_use,
        )
        for kept in contexts
    ]
    return steps + directories + sources
