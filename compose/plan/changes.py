"""What is different between two configurations of a service, field by field."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from compose.model.paths import Path, path_name

# A configuration is some hundred bytes; what unpacks to more than this was not packed by us.
_MAX_BYTES = 4 * 1024 * 1024


class Change(Struct, frozen=True):
    """One value that is other than before. UNSET: there was none, or there is none any more."""

    path: Path
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET

    @property
    def name(self) -> str:
        """`environment.LOG_LEVEL`, `ports[0].published`."""
        return path_name(self.path)


def changes(before: object, after: object, path: Path = ()) -> Iterator[Change]:
    """Yield what is different: of mappings each entry, of lists of structures each item, of everything else itself."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from changes(before.get(key, UNSET), after.get(key, UNSET), (*path, key))
    elif _is_of_structures(before) and _is_of_structures(after):
        assert isinstance(before, list)
        assert isinstance(after, list)
        for index in range(max(len(before), len(after))):
            yield from changes(_item(before, index), _item(after, index), (*path, index))
    elif before != after or type(before) is not type(after):
        yield Change(path, before, after)


def packed(document: bytes) -> str:
    """A configuration (JSON) as the value of a label."""
    return base64.b64encode(zlib.compress(document, 9)).decode()


def unpacked(label: str) -> dict[str, Any] | None:
    """The configuration in a label; None for a label that is not ours to read."""
    try:
        content = zlib.decompressobj().decompress(base64.b64decode(label, validate=True), _MAX_BYTES)
        found = msgspec.json.decode(content)
    except (binascii.Error, zlib.error, msgspec.DecodeError):
        return None
    return found if isinstance(found, dict) else None


def _is_of_structures(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _item(items: list[object], index: int) -> object:
    return items[index] if index < len(items) else UNSET
