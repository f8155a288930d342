"""JSON and plain values read as records, on any thread.

msgspec (0.22) finds out about a record when it is first read, and notes it down before it is complete. A second thread
that reads it meanwhile, or another one with the same part, takes what is not there yet: the process ends by a
segmentation fault. So all first times wait for each other, and nothing else of the engine reads records.
"""

from __future__ import annotations

import threading
from typing import Any, Final, TypeVar, cast

import msgspec

T = TypeVar("T")

_first_time: Final = threading.Lock()
_decoders: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """What reads JSON as this type; the same one each time."""
    found = _decoders.get(kind)
    if found is None:
        with _first_time:
            found = _decoders[kind] = msgspec.json.Decoder(kind)
    return cast("msgspec.json.Decoder[T]", found)


def from_json(text: bytes | str, kind: type[T]) -> T:
    """Raises `msgspec.DecodeError` as `msgspec.json.decode` does."""
    return decoder(kind).decode(text)


def from_plain(value: Any, kind: type[T]) -> T:
    """Raises `msgspec.ValidationError` as `msgspec.convert` does."""
    decoder(kind)
    return msgspec.convert(value, kind)
