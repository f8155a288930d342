"""JSON of the Docker Engine API to types and back.

Go writes an empty slice or map as `null`, and its clients send `null` for "not set": a null therefore decodes as
the field's default. Unknown fields are ignored, as Docker does. Errors name the field (`HostConfig.Memory`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar, get_origin

import msgspec

from engine.errors import BadRequest
from engine.wire.spelling import respelt
from engine.wire.typed import from_plain

T = TypeVar("T")

_LIMIT: Final = 1 << 63
_LONG: Final = rb"\d{19}|\d[eE]"  # what may be a number of that size

# Maps whose keys mean something even when the value is null (`"EndpointsConfig": {"front": null}`).
_SETS = {"EndpointsConfig", "ExposedPorts", "Networks", "Volumes", "Tmpfs"}


class Wire(msgspec.Struct, frozen=True, rename="pascal"):
    """Base of the API's types: frozen, named as in Go. An `UNSET` field is left out of the JSON."""


def decode(body: bytes, kind: type[T]) -> T:
    """Parse an engine's answer. Raises `BadRequest` naming the field that is wrong."""
    return _decode(body, kind, lambda value: value)


def decode_request(body: bytes, kind: type[T]) -> T:
    """Parse a client's request, with the names of its fields in any case. Raises `BadRequest` as `decode` does."""
    return _decode(body, kind, lambda value: respelt(_representable(value) if re.search(_LONG, body) else value, kind))


def _decode(body: bytes, kind: type[T], read: Callable[[Any], Any]) -> T:
    try:
        found = msgspec.json.decode(body or b"{}")
        if found is None:
            found = [] if get_origin(kind) is list else {}
        return from_plain(_without_nulls(read(found)), kind)
    except msgspec.ValidationError as exc:
        raise BadRequest(f"invalid JSON: {exc}") from exc
    except (msgspec.DecodeError, RecursionError) as exc:
        if "trailing characters" in str(exc):
            raise BadRequest("unexpected content after JSON") from exc
        raise BadRequest(f"invalid JSON: {exc}") from exc


def encode(value: object) -> bytes:
    """The JSON of a value of these types (or of plain data).

    A name or an argument that is no UTF-8 text has surrogates in Python; U+FFFD stands for each, as Go writes it.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_readable(msgspec.to_builtins(value)))


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_readable(key): _readable(item) for key, item in value.items()}
    return list(map(_readable, value)) if isinstance(value, list | tuple) else value


def _representable(value: Any, where: str = "$") -> Any:
    """The value itself. Raises `BadRequest` if it has an integer that Go's 64 bits do not hold, as Docker does."""
    if isinstance(value, dict):
        for key, item in value.items():
            _representable(item, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _representable(item, f"{where}[{index}]")
    elif isinstance(value, int | float) and not -_LIMIT <= value < _LIMIT:
        raise BadRequest(f"invalid JSON: {value} is not an integer of 64 bits - at `{where}`")
    return value


def _without_nulls(value: Any, *, is_set: bool = False) -> Any:
    if isinstance(value, dict):
        return {
            key: {} if is_set and item is None else _without_nulls(item, is_set=key in _SETS)
            for key, item in value.items()
            if item is not None or is_set
        }
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
