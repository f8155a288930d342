"""The keys of steps as images carry them: an image whose history names them is a cache.

Each entry of the history says in its comment under which key its step is found (`pycompose.key=…`), whether it made a
layer or not. An image that is only a cache may also have shorter keys, which spare a COPY a look at what it copies:
they stand beside the history (`com.pycompose.keys`), since they depend on how the image came about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.builder.cache import Entry
from engine.images.configuration import HistoryEntry
from engine.storage.layers import chain_ids
from engine.wire.times import parse_time
from engine.wire.typed import from_json

_NOTE: Final = "pycompose.key="
_KEYS: Final = "com.pycompose.keys"


class _Noted(msgspec.Struct, frozen=True):
    keys: dict[str, str] = msgspec.field(name=_KEYS, default_factory=dict[str, str])


def note(key: str) -> str:
    """The comment of a step with that key."""
    return f"{_NOTE}{key}"


def entries_of(history: Sequence[HistoryEntry], diff_ids: Sequence[str]) -> dict[str, Entry]:
    """The steps that an image's history names, by key; their layers need not be here."""
    found: dict[str, Entry] = {}
    chain, count = chain_ids(diff_ids), 0
    for item in history:
        count += not item.empty_layer
        key = item.comment.removeprefix(_NOTE)
        if key == item.comment or not key or count > len(chain):
            continue
        time_ns = parse_time(item.created)
        has_layer = not item.empty_layer
        found[key] = Entry(
            id=key,
            description=item.created_by,
            created_ns=time_ns,
            used_ns=time_ns,
            diff_id=diff_ids[count - 1] if has_layer else "",
            chain_ids=chain[:count] if has_layer else [],
        )
    return found


def shorter_keys(body: bytes) -> dict[str, Entry]:
    """The shorter keys that an image's config has beside the history. Of one that is not ours: none."""
    try:
        found = from_json(body, _Noted)
    except msgspec.DecodeError:
        return {}
    return {
        key: Entry(id=key, description="", created_ns=0, used_ns=0, stands_for=other)
        for key, other in found.keys.items()
    }


def with_shorter_keys(body: bytes, used: Iterable[Entry]) -> bytes:
    """An image's config with the shorter keys of a build."""
    keys: Mapping[str, str] = {entry.id: entry.stands_for for entry in used if entry.stands_for}
    if not keys:
        return body
    config: dict[str, Any] = msgspec.json.decode(body)
    return msgspec.json.encode({**config, _KEYS: dict(sorted(keys.items()))}, order="sorted")
