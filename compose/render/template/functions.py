"""The functions that a template may call: Go's own and those of Docker's command line."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from compose.lazy import lazy_pattern
from compose.render.template.errors import TemplateError
from compose.render.template.values import Record, Value, printed, quoted, to_json

_VERB = lazy_pattern(r"%(?P<flags>[-+# 0]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?(?P<verb>[a-zA-Z%])")


def truth(value: Value) -> bool:
    """Go's idea of true: not zero and not empty."""
    return bool(value.fields) if isinstance(value, Record) else bool(value)


def _equal(first: Value, *others: Value) -> bool:
    if not others:
        raise TemplateError("`eq` needs something to compare with")
    for other in others:
        _same_kind(first, other)
    return first in others


def _same_kind(first: Value, second: Value) -> None:
    if None not in (first, second) and type(first) is not type(second):
        raise TemplateError(f"{printed(first)} and {printed(second)} are of different types and cannot be compared")


def _less(first: Value, second: Value) -> bool:
    _same_kind(first, second)
    if type(first) not in (int, float, str):
        raise TemplateError(f"{printed(first)} has no order")
    return bool(first < second)


def _index(value: Value, *keys: Value) -> Value:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list | tuple | str) and type(key) is int:
            if not 0 <= key < len(value):
                raise TemplateError(f"the index {key} is out of range: there are {len(value)}")
            value = ord(value[key]) if isinstance(value, str) else value[key]
        else:
            raise TemplateError(f"{printed(value)} has no index {printed(key)}")
    return value


def _slice(value: Value, *bounds: int) -> Value:
    first, last = (*bounds, 0)[0], bounds[1] if len(bounds) > 1 else _length(value)
    if not 0 <= first <= last <= _length(value):
        raise TemplateError(f"the slice {first}:{last} is out of range: there are {_length(value)}")
    return value[first:last]


def _length(value: Value) -> int:
    if not isinstance(value, str | list | tuple | Mapping):
        raise TemplateError(f"{printed(value)} has no length")
    return len(value.encode()) if isinstance(value, str) else len(value)


def _print(*values: Value) -> str:
    """Go's `Sprint`: a space between two neighbours of which neither is text."""
    text = ""
    for position, value in enumerate(values):
        apart = position and not isinstance(value, str) and not isinstance(values[position - 1], str)
        text += (" " if apart else "") + _nil(value)
    return text


def _println(*values: Value) -> str:
    return " ".join(map(_nil, values)) + "\n"


def _nil(value: Value) -> str:
    return "<nil>" if value is None else printed(value)


def _printf(form: str, *values: Value) -> str:
    """Go's `Sprintf` with the verbs that Python has too, and `%v`, `%q`, `%t`."""
    rest = list(values)

    def replaced(found: re.Match[str]) -> str:
        if found["verb"] == "%":
            return "%"
        return _formatted(found, rest.pop(0)) if rest else f"%!{found['verb']}(MISSING)"

    text = _VERB.sub(replaced, form)
    return text + (f"%!(EXTRA {', '.join(f'{_kind(value)}={_nil(value)}' for value in rest)})" if rest else "")


def _formatted(found: re.Match[str], value: Value) -> str:
    verb, precision = found["verb"], found["precision"]
    dot = "" if precision is None else f".{precision}"
    number = f"%{found['flags']}{found['width']}{dot}{verb}"
    if verb in "dxXoeEfgGc" and type(value) in (int, float) and (verb not in "dxXoc" or type(value) is int):
        return str(number % value)
    if verb in "xX" and isinstance(value, str):
        return value.encode().hex() if verb == "x" else value.encode().hex().upper()
    if verb == "q" and isinstance(value, str):
        text = quoted(value)
    elif verb in "vs" and (verb == "v" or isinstance(value, str | list)):
        text = _nil(value)[: int(precision) if precision and verb == "s" else None]
    elif verb == "t" and isinstance(value, bool):
        text = printed(value)
    else:
        return f"%!{verb}({_kind(value)}={_nil(value)})"
    return f"%{found['flags'].replace('0', '')}{found['width']}s" % text


def _kind(value: Value) -> str:
    kinds = {bool: "bool", int: "int", float: "float64", str: "string", list: "[]interface {}", type(None): "<nil>"}
    return kinds.get(type(value), "map[string]interface {}")


def _join(value: Value, separator: str) -> str:
    match value:
        case None:
            return ""
        case list() | tuple():
            return separator.join(map(_nil, value))
        case Mapping():
            return separator.join(sorted(map(_nil, value.values())))
        case _:
            raise TemplateError(f"`join` takes a list, not {printed(value)}")


def _pad(text: str, before: int, after: int) -> str:
    return f"{' ' * before}{text}{' ' * after}" if text else ""


def _title(text: str) -> str:
    return re.sub(r"(?<![^\W_])[^\W\d_]", lambda found: found[0].title(), text)


def _html(*values: Value) -> str:
    return html.escape(_print(*values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


def _js(*values: Value) -> str:
    marks = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
    return "".join(marks.get(mark) or (f"\\u{ord(mark):04X}" if mark < " " else mark) for mark in _print(*values))


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    # Their arguments are evaluated one by one, as far as needed: `evaluate` does that itself.
    "and": lambda *values: next((value for value in values if not truth(value)), values[-1]),
    "or": lambda *values: next((value for value in values if truth(value)), values[-1]),
    "not": lambda value: not truth(value),
    "eq": _equal,
    "ne": lambda first, second: not _equal(first, second),
    "lt": _less,
    "le": lambda first, second: not _less(second, first),
    "gt": lambda first, second: _less(second, first),
    "ge": lambda first, second: not _less(first, second),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": _println,
    "printf": _printf,
    "html": _html,
    "js": _js,
    "urlquery": lambda *values: quote_plus(_print(*values)),
    "json": to_json,
    "split": lambda text, separator: text.split(separator) if separator else list(text),
    "join": _join,
    "title": _title,
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "pad": _pad,
    "truncate": lambda text, length: text[:length],
}

HEADER_FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    **FUNCTIONS,
    # The name of a column stays what it is, whatever is done to the values below it.
    **{name: lambda text, *_: text for name in ("json", "split", "join", "title", "lower", "upper", "truncate")},
}
