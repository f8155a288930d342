"""Names of fields in any case: Go takes them, and Docker's clients rely on it (docker-py says `CPURealtimePeriod`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import Struct, inspect


class _Object(Struct, frozen=True):
    """A type with fields: their right names by those in lower case, and the shapes of those that hold such types."""

    names: Mapping[str, str]
    shapes: Mapping[str, _Shape]


class _Collection(Struct, frozen=True):
    """A list, or a map whose keys are the user's: only what is in it has fields."""

    items: _Shape


_Shape = _Object | _Collection


def respelt(value: Any, kind: Any) -> Any:
    """A decoded JSON value with the fields' names as `kind` spells them; one that is right counts more."""
    shape = _shape_of(kind)
    return _respelt(value, shape) if shape else value


def _respelt(value: Any, shape: _Shape) -> Any:
    if isinstance(shape, _Collection):
        if isinstance(value, list):
            return [_respelt(item, shape.items) for item in value]
        if isinstance(value, dict):
            return {key: _respelt(item, shape.items) for key, item in value.items()}
        return value
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        name = shape.names.get(key.lower(), key)
        if name == key or name not in value:
            inner = shape.shapes.get(name)
            found[name] = _respelt(item, inner) if inner else item
    return found


@cache
def _shape_of(kind: Any) -> _Shape | None:
    return _shape(inspect.type_info(kind))


def _shape(kind: inspect.Type) -> _Shape | None:
    match kind:
        case inspect.StructType():
            inner = ((field.encode_name, _shape(field.type)) for field in kind.fields)
            return _Object(
                {field.encode_name.lower(): field.encode_name for field in kind.fields},
                {name: shape for name, shape in inner if shape},
            )
        case inspect.ListType() | inspect.VarTupleType():
            items = _shape(kind.item_type)
        case inspect.DictType():
            items = _shape(kind.value_type)
        case inspect.UnionType():
            return next((shape for arm in kind.types if (shape := _shape(arm))), None)
        case _:
            return None
    return _Collection(items) if items else None
