"""The build cache: which step on which files makes which layer. Kept in the engine's database, so it outlives it.

A key is a digest of everything that a step's result depends on: the layer below, the instruction with its variables
replaced, the contents it copies. The layer's own time, owner or the file it was built from never count.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import anyio
import msgspec

from engine.state.store import Store
from engine.storage.layers import Layers

_TOUCH_NS: Final = 3600 * 1_000_000_000


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a step made. `id` is its key; `chain_ids` are the layers up to and with its own, lowest first, and
    `diff_id` is its own layer's archive. A step that changed no file has no layer: `diff_id` is "". With `stands_for`
    it is only a second, quicker key of another entry.
    """

    id: str
    description: str
    created_ns: int
    used_ns: int
    uses: int = 1
    parent: str = ""
    diff_id: str = ""
    chain_ids: list[str] = []
    size_bytes: int = 0
    stands_for: str = ""

    @property
    def has_layer(self) -> bool:
        """Whether the step changed files."""
        return bool(self.diff_id)


def key_of(*facts: object) -> str:
    """The key that stands for these facts: texts, numbers, and lists and mappings of them."""
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


class Cache:
    """The cache of one engine. Lives on its event loop."""

    def __init__(self, store: Store, layers: Layers) -> None:
        self._table = store.table("build-cache", Entry)
        self._layers = layers

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._table)

    def get(self, key: str) -> Entry | None:
        """What the step with that key made, if all of its layers are still there."""
        entry = self._table.get(key)
        if entry is None or not all(self._layers.has(chain_id) for chain_id in entry.chain_ids):
            return None
        return entry

    async def put(self, entry: Entry) -> None:
        """Remember what a step made."""
        await self._table.put(entry)

    def adopted(self, entries: Iterable[Entry]) -> list[Entry]:
        """Entries of another engine's as ours, those whose layers have come here."""
        now = time.time_ns()
        return [
            msgspec.structs.replace(entry, used_ns=now, size_bytes=self._size_bytes(entry))
            for entry in entries
            if all(self._layers.has(chain_id) for chain_id in entry.chain_ids)
        ]

    def _size_bytes(self, entry: Entry) -> int:
        return self._layers.size_bytes(entry.chain_ids[-1]) if entry.chain_ids else 0

    async def touch(self, entries: Iterable[Entry]) -> None:
        """Note that these were used. Not more than once in an hour: a write costs more than the rest of a look-up."""
        now = time.time_ns()
        stale = [entry for entry in entries if now - entry.used_ns > _TOUCH_NS]
        async with anyio.create_task_group() as tasks:
            for entry in stale:
                tasks.start_soon(self._table.put, msgspec.structs.replace(entry, used_ns=now, uses=entry.uses + 1))

    def needed_layers(self) -> frozenset[str]:
        """The layers that an entry needs."""
        return frozenset(chain_id for entry in self._table for chain_id in entry.chain_ids)

    async def forget(self, wanted: Callable[[Entry], bool], *, keep_bytes: int) -> list[Entry]:
        """Forget entries for which `wanted` holds, the longest unused first, until no more than `keep_bytes` are left.

        Their layers stay until whoever owns the layers is asked to free them.
        """
        gone: list[Entry] = []
        size = sum(entry.size_bytes for entry in self._table)
        for entry in sorted(self._table, key=lambda entry: entry.used_ns):
            if (not keep_bytes or size > keep_bytes) and wanted(entry):
                size -= entry.size_bytes
                gone.append(entry)
        async with anyio.create_task_group() as tasks:
            for entry in gone:
                tasks.start_soon(self._table.delete, entry.id)
        return gone
