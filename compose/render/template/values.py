"""Values of templates, and how Go prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from compose.render.template.errors import TemplateError

Value = Any
"""Plain data as from JSON (None, bool, int, float, str, list, dict), or a `Record`."""


class Record(Struct, frozen=True):
    """Named fields, of which a template may only name those that there are, and `methods`, which take arguments."""

    fields: Mapping[str, Value]
    methods: Mapping[str, Callable[..., Value]] = field(default_factory=dict)


def printed(value: Value) -> str:
    """What an action prints of a value: Go's `%v`."""
    return "<no value>" if value is None else _nested(value)


def _nested(value: Value) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return _float(value)
        case list() | tuple():
            return f"[{' '.join(map(_nested, value))}]"
        case Record():
            return f"{{{' '.join(map(_nested, value.fields.values()))}}}"
        case Mapping():
            return f"map[{' '.join(f'{key}:{_nested(value[key])}' for key in sorted(value))}]"
        case _:
            return str(value)


# 17 digits are enough for any float.
_PRECISIONS = tuple(f".{digits}e" for digits in range(17))


def _float(value: float) -> str:
    """The shortest digits, with an exponent from a million on and below 1/10,000 (`strconv`, format `g`)."""
    mantissa, _, exponent = next(text for text in map(value.__format__, _PRECISIONS) if float(text) == value).partition(
        "e"
    )
    if -4 <= int(exponent) < 6:
        return f"{value!r}".removesuffix(".0")
    return f"{mantissa}e{int(exponent):+03d}"


def to_json(value: Value) -> str:
    """JSON on one line as Docker prints it: mappings sorted by key, records in their own order."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False)


def _plain(value: Value) -> Value:
    match value:
        case Record():
            return {name: _plain(item) for name, item in value.fields.items()}
        case Mapping():
            return {key: _plain(value[key]) for key in sorted(value)}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def quoted(text: str) -> str:
    """A Go string literal: `strconv.Quote`."""
    return re.sub(
        r"[\x00-\x1f\x7f]", lambda found: _CONTROL.get(found[0], f"\\x{ord(found[0]):02x}"), _quoted_marks(text)
    )


_CONTROL = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def _quoted_marks(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def field_of(value: Value, name: str, source: str) -> Value:
    """A field of a record or an entry of a mapping, where a missing one is None; raises `TemplateError`."""
    match value:
        case Record() if name in value.methods:
            return value.methods[name]
        case Record() if name in value.fields:
            return value.fields[name]
        case Record():
            known = ", ".join(sorted({*value.fields, *value.methods}))
            raise TemplateError(f"`{source}`: there is no field `{name}`, only {known}")
        case Mapping():
            return value.get(name)
        case _:
            raise TemplateError(f"`{source}`: `.{name}` of {_nested(value)}, which has no fields")
