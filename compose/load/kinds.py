"""The kinds of values in a canonical document: how each is read and how it is written.

A kind takes a value of the tree and returns its canonical form (durations as `1m30s`, sizes as bytes in a text), or
raises `ValueError` saying what is wrong. `Struct` puts kinds together to the shape of a mapping.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from compose.errors import Location, Problem
from compose.load.interpolate import to_boolean, to_float, to_integer
from compose.load.report import Report
from compose.load.scalars import Timestamp, show
from compose.load.short import split_words
from compose.load.tree import Map, Seq
from compose.model.numbers import is_integer, signed, single_precision, unsigned
from compose.model.units import format_duration, parse_bytes, parse_duration

_OCTAL = re.compile("[+-]?[0-7]+")

Scalar = Callable[[Any], Any]
Kind = Callable[[Any, Location, Report], Any]


def scalar(read: Scalar) -> Kind:
    """Return the kind of a value that is read as a whole; what is wrong with it is reported at its place."""

    def kind(value: Any, where: Location, report: Report) -> Any:
        try:
            return read(value)
        except ValueError as exc:
            report.problem(Problem(str(exc), where))
            return None

    return kind


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if is_integer(value):
        return str(value)
    raise ValueError(f"`{show(value)}` must be a string: put it in quotes")


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else to_boolean(_text(value))


def _integer(value: Any) -> int:
    return to_integer(value) if isinstance(value, str) else signed(_numeric(value, "an integer"))


def _whole(value: Any) -> int:
    if not is_integer(value):
        raise ValueError(f"`{show(value)}` is not an integer")
    return int(value)


def _natural(bits: int) -> Scalar:
    return lambda value: unsigned(_numeric(value, "a number that is not negative"), bits)


def _number(value: Any) -> float:
    number = single_precision(to_float(value) if isinstance(value, str) else _numeric(value, "a number"))
    return int(number) if number.is_integer() else number


def _numeric(value: Any, wanted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"`{show(value)}` is not {wanted}")
    return value


def _rate(value: Any) -> str:
    if isinstance(value, str):
        return str(parse_bytes(value))
    return str(value) if is_integer(value) else "0"


def _bytes(value: Any) -> str:
    size = _rate(value)
    return "" if size == "0" else size


def _duration(value: Any) -> str:
    return format_duration(parse_duration(show(value)))


def _delay(value: Any) -> str:
    duration = _duration(value)
    return "" if duration == "0s" else duration


def _count(value: Any) -> int:
    if isinstance(value, str) and value.lower() == "all":
        return -1
    return to_integer(_text(value))


def _file_mode(value: Any) -> str:
    if isinstance(value, str) and _OCTAL.fullmatch(value):
        value = int(value, 8)
    if not is_integer(value):
        raise ValueError(f"`{show(value)}` is not a file mode: write octal digits, such as 0440")
    return f"0{value:o}"


def _command(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return split_words(value)
    return [_text(item) for item in value] if isinstance(value, list) else None


def _test(value: Any) -> list[str]:
    return ["CMD-SHELL", value] if isinstance(value, str) else [_text(item) for item in value]


def _texts(value: Any) -> list[str]:
    return [_text(item) for item in value] if isinstance(value, list) else [_text(value)]


def _shown(value: Any) -> list[str]:
    return [show(item) for item in value] if isinstance(value, list) else [show(value)]


def _pairs(value: Any) -> dict[str, str | None]:
    """Read `name=value` entries or a mapping; a name alone has no value."""
    if isinstance(value, Mapping):
        return {name: None if entry is None else show(entry) for name, entry in value.items()}
    pairs: dict[str, str | None] = {}
    for item in value if isinstance(value, list) else ():
        name, equals, text = show(item).partition("=")
        pairs[name] = text if equals else None
    return pairs


def _variables(value: Any) -> dict[str, str | None]:
    variables = _pairs(value)
    if isinstance(value, list):
        for name in variables:
            if name and name[-1].isspace():
                raise ValueError(f"the environment variable `{name}` is declared with a trailing space")
    return variables


def _mapping(value: Any) -> dict[str, str]:
    return {name: text or "" for name, text in _pairs(value).items()}


def _text_mapping(value: Any) -> dict[str, str]:
    return {name: "" if entry is None else _text(entry) for name, entry in value.items()}


def _lists(value: Any) -> dict[str, list[str]]:
    return {name: _shown(entry) for name, entry in value.items()} if isinstance(value, Mapping) else {}


def _hosts(value: Any) -> list[str]:
    """Read extra hosts; the result is sorted `host=address` entries."""
    pairs: list[tuple[str, str]] = []
    if isinstance(value, Mapping):
        for host, addresses in value.items():
            pairs.extend(
                (host, show(address or "")) for address in (addresses if isinstance(addresses, list) else [addresses])
            )
    else:
        for item in _shown(value):
            separator = "=" if "=" in item else ":"
            host, found, addresses = item.partition(separator)
            if not found:
                raise ValueError(f"the extra host `{item}` has no address: write host=address")
            pairs.extend((host, address) for address in addresses.split(","))
    for host, _ in pairs:
        if not host or ":" in host or "=" in host:
            raise ValueError(f"`{host}` is not a host name")
    return sorted(f"{host}={_without_brackets(address)}" for host, address in pairs)


def _without_brackets(address: str) -> str:
    is_bracketed = len(address) > 2 and address.startswith("[") and address.endswith("]")
    return address[1:-1] if is_bracketed else address


def _ssh(value: Any) -> list[str]:
    entries = value.items() if isinstance(value, Mapping) else ()
    return [name if path is None else f"{name}={show(path)}" for name, path in entries]


def plain(value: Any) -> Any:
    """Return a part of the tree as ordinary dicts, lists and scalars."""
    if isinstance(value, Map):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, Seq):
        return [plain(item) for item in value]
    return value.text if isinstance(value, Timestamp) else value


TEXT = scalar(_text)
FLAG = scalar(_flag)
INTEGER = scalar(_integer)
WHOLE = scalar(_whole)
NATURAL = scalar(_natural(64))
NATURAL_32 = scalar(_natural(32))
NATURAL_16 = scalar(_natural(16))
NUMBER = scalar(_number)
BYTES = scalar(_bytes)  # zero counts as not set
RATE = scalar(_rate)
DELAY = scalar(_delay)  # zero counts as not set
DURATION = scalar(_duration)
COUNT = scalar(_count)
FILE_MODE = scalar(_file_mode)
COMMAND = scalar(_command)
TEST = scalar(_test)
TEXTS = scalar(_texts)
SHOWN = scalar(_shown)
VARIABLES = scalar(_variables)
LABELS = MAPPING = OPTIONS = scalar(_mapping)
TEXT_MAPPING = scalar(_text_mapping)
LISTS = scalar(_lists)
HOSTS = scalar(_hosts)
SSH = scalar(_ssh)


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind whose value is written even when it is zero or empty, as long as it was set."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Always:
    """A kind whose value is always written; what is not set is `default` (of a `Struct`: the empty one)."""

    kind: Kind
    default: Any = None


class Struct:
    """The shape of a mapping: its attributes in the order in which they are written.

    Attributes that are zero or empty are left out unless they are `Kept`, `Always` or a `Struct` themselves;
    unknown ones are left out too.
    """

    def __init__(self, **fields: Kind | Struct | Kept | Always) -> None:
        self._fields = [
            (name, field.kind, field) if isinstance(field, Kept | Always) else (name, field, field)
            for name, field in fields.items()
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes, in order."""
        return tuple(name for name, _, _ in self._fields)

    def put(self, entry: dict[str, Any], name: str, value: Any) -> None:
        """Set an attribute of a canonical entry in place; a new one comes where it is written."""
        is_new = name not in entry
        entry[name] = value
        if is_new:
            ordered = {known: entry[known] for known in self.names if known in entry}
            entry.clear()
            entry.update(ordered)

    def __call__(self, value: Any, where: Location, report: Report) -> Any:
        if value is None:
            return None
        result: dict[str, Any] = {}
        for name, kind, field in self._fields:
            given = value.get(name) if isinstance(value, Map) else None
            if given is None:
                if isinstance(field, Always):
                    result[name] = kind(Map(where), where, report) if isinstance(kind, Struct) else field.default
                continue
            written = kind(given, value.value_at(name), report)
            if written or (written is not None and isinstance(field, Kept | Always | Struct)):
                result[name] = written
            elif isinstance(field, Always):
                result[name] = field.default
        return result


def list_of(kind: Kind) -> Kind:
    """Return the kind of a list whose items are of `kind`."""

    def read(value: Any, where: Location, report: Report) -> Any:
        if not isinstance(value, Seq):
            return []
        return [kind(item, value.place(index), report) for index, item in enumerate(value)]

    return read


def map_of(kind: Kind) -> Kind:
    """Return the kind of a mapping whose values are of `kind`."""

    def read(value: Any, where: Location, report: Report) -> Any:
        if not isinstance(value, Map):
            return {}
        return {key: kind(entry, value.value_at(key), report) for key, entry in value.items()}

    return read
