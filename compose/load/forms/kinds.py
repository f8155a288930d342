"""What a canonical document is put together from: values, mappings with known attributes, lists and mappings of them.

A `Kind` takes a value of the tree and returns what is written; what is wrong goes to the report, at its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from compose.errors import Location, Problem
from compose.load.report import Report
from compose.load.text.scalars import Timestamp
from compose.load.tree import Map, Seq

Scalar = Callable[[Any], Any]
Kind = Callable[[Any, Location, Report], Any]


def scalar(read: Scalar, hint: str | None = None) -> Kind:
    """Return the kind of a value that is read as a whole; what is wrong with it is reported at its place.

    `hint` says how such a value is written.
    """

    def kind(value: Any, where: Location, report: Report) -> Any:
        try:
            return read(value)
        except ValueError as exc:
            report.problem(Problem(str(exc), where, hint))
            return None

    return kind


def plain(value: Any) -> Any:
    """Return a part of the tree as ordinary dicts, lists and scalars."""
    if isinstance(value, Map):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, Seq):
        return [plain(item) for item in value]
    return value.text if isinstance(value, Timestamp) else value


class Kept(msgspec.Struct, frozen=True):
    """A kind whose value is written even when it is zero or empty, as long as it was set."""

    kind: Kind


class Always(msgspec.Struct, frozen=True):
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
