"""The document checked against `schemas/compose.json`; every deviation is reported, with its place.

Knows the vocabulary that our schema uses, and no more (a test holds it against a full implementation): a general
validator takes five times as long to import as a project takes to load, and its messages name schema keywords.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from compose.errors import Problem
from compose.lazy import lazy_pattern
from compose.load.checks.advice import about_key, about_type
from compose.load.hints import did_you_mean
from compose.load.report import Report
from compose.load.text.scalars import Timestamp, show
from compose.load.tree import Map, Steps, locate, locate_key
from compose.model.paths import path_name
from schemas import load_schema

Schema = Mapping[str, Any]

_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}


class Deviation(Struct, frozen=True):
    """One thing that the schema does not allow; `is_key` when the key itself is wrong, not its value."""

    path: Steps
    message: str
    hint: str | None = None
    is_key: bool = False


def check_schema(tree: Map, report: Report) -> None:
    """Report everything in the document that the schema does not allow."""
    for deviation in deviations(tree, load_schema("compose")):
        where = (locate_key if deviation.is_key else locate)(tree, deviation.path)
        report.problem(Problem(deviation.message, where, deviation.hint))


def deviations(value: Any, root: Schema) -> Iterator[Deviation]:
    """Yield what `root` does not allow in a value of dicts, lists and scalars, in the order of the value."""
    return _Checker(root).check(value, root, ())


class _Checker:
    def __init__(self, root: Schema) -> None:
        self._definitions: Schema = root.get("$defs", {})

    def check(self, value: Any, schema: Schema, path: Steps) -> Iterator[Deviation]:
        schema = self._resolve(schema)
        if "anyOf" in schema:
            branch = self._branch(value, schema)
            if branch is None:
                yield _mismatch(value, path, list(self._types(schema)))
                return
            schema = branch
        types = _types(schema)
        if types and not _is_one_of(value, types):
            yield _mismatch(value, path, types)
            return
        if isinstance(value, dict):
            yield from self._mapping(value, schema, path)
        elif isinstance(value, list):
            yield from self._sequence(value, schema, path)
        else:
            yield from _scalar(value, schema, path)

    def _resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix("#/$defs/")]
        return schema

    def _branch(self, value: Any, schema: Schema) -> Schema | None:
        """Return the alternative that the value is meant to be: the branches of our schema differ in type."""
        for alternative in schema["anyOf"]:
            branch = self._resolve(alternative)
            if "anyOf" in branch:
                found = self._branch(value, branch)
                if found is not None:
                    return found
            elif _is_one_of(value, _types(branch)):
                return branch
        return None

    def _types(self, schema: Schema) -> Iterator[str]:
        for alternative in schema["anyOf"]:
            branch = self._resolve(alternative)
            yield from self._types(branch) if "anyOf" in branch else _types(branch)

    def _mapping(self, value: dict[str, Any], schema: Schema, path: Steps) -> Iterator[Deviation]:
        properties: Schema = schema.get("properties", {})
        patterns: Schema = schema.get("patternProperties", {})
        is_closed = schema.get("additionalProperties") is False
        for key, entry in value.items():
            below = properties.get(key)
            if below is not None:
                yield from self.check(entry, below, (*path, key))
            elif (pattern := next((name for name in patterns if _compiled(name).search(key)), None)) is not None:
                yield from self.check(entry, patterns[pattern], (*path, key))
            elif is_closed:
                yield _unknown_key(key, path, properties)
        # After the keys: at a misspelt one "did you mean" says more.
        for key in schema.get("required", ()):
            if key not in value:
                yield Deviation(path, f"{_words(path)} needs `{key}`")

    def _sequence(self, value: list[Any], schema: Schema, path: Steps) -> Iterator[Deviation]:
        if schema.get("uniqueItems"):
            seen: dict[Any, list[Any]] = {}
            for index, item in enumerate(value):
                alike = seen.setdefault(_identity(item), [])
                if any(_equals(item, other, is_lax=len(value) <= _FEW) for other in alike):
                    yield Deviation((*path, index), f"{_words(path)} has `{_shown(item)}` twice", "remove one of them")
                alike.append(item)
        items = schema.get("items")
        if items is not None:
            for index, item in enumerate(value):
                yield from self.check(item, items, (*path, index))


def _scalar(value: Any, schema: Schema, path: Steps) -> Iterator[Deviation]:
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(f"`{entry}`" for entry in schema["enum"])
        hint = did_you_mean(show(value), schema["enum"])
        yield Deviation(path, f"{_words(path)} is `{show(value)}`, but must be one of {allowed}", hint)
    if "pattern" in schema and isinstance(value, str) and not _compiled(schema["pattern"]).search(value):
        yield Deviation(path, f"{_words(path)} is `{value}`, which is not allowed", schema.get("description"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            yield Deviation(path, f"{_words(path)} must be {schema['minimum']} or more")
        if value > schema.get("maximum", value):
            yield Deviation(path, f"{_words(path)} must be {schema['maximum']} or less")


def _types(schema: Schema) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def _is_one_of(value: Any, types: list[str]) -> bool:
    kind = _type(value)
    return kind in types or (kind == "integer" and "number" in types)


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Timestamp):
        return "date"
    return "object" if isinstance(value, dict) else "array"


def _mismatch(value: Any, path: Steps, types: list[str]) -> Deviation:
    kind = _type(value)
    wanted = list(dict.fromkeys(_NAMES[name] for name in types if name != "null" or len(types) == 1))
    listed = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"
    found = "a date" if kind == "date" else "empty" if kind == "null" else _NAMES[kind]
    return Deviation(path, f"{_words(path)} must be {listed}, but is {found}", about_type(value, path, types))


def _unknown_key(key: str, path: Steps, known: Schema) -> Deviation:
    place = f" in {_words(path)}" if path else " at the top"
    message = f"unknown key `{key}`{place}" if known else f"`{key}`{place} is not an allowed name"
    return Deviation((*path, key), message, about_key(key, path, known), is_key=True)


def _words(path: Steps) -> str:
    return path_name(path) or "a Compose file"


def _shown(value: Any) -> str:
    return "this entry" if isinstance(value, dict | list) else show(value)


# How many items docker compose compares one by one.
_FEW = 20
_NUMBER = lazy_pattern(r"[+-]?[0-9]+(\.[0-9]*)?")


def _identity(value: Any) -> Any:
    """Return something hashable that is equal for what may be equal: a number and its text are."""
    if isinstance(value, dict):
        return frozenset((key, _identity(entry)) for key, entry in value.items())
    if isinstance(value, list):
        return tuple(_identity(item) for item in value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return (False, float(value))
    return (isinstance(value, bool), value)


def _equals(value: Any, earlier: Any, *, is_lax: bool) -> bool:
    """Tell whether two values of one identity are equal.

    They are as JSON Schema has it; and, with `is_lax`, a number is equal to an earlier text of it (not the other way
    round): so two files that publish a port as `80` and as `"80"` in the long form contradict each other.
    """
    if isinstance(value, dict):
        return all(_equals(entry, earlier[key], is_lax=is_lax) for key, entry in value.items())
    if isinstance(value, list):
        return all(_equals(item, other, is_lax=is_lax) for item, other in zip(value, earlier, strict=True))
    if isinstance(value, str) or isinstance(earlier, str):
        return bool(value == earlier or (is_lax and isinstance(earlier, str) and not isinstance(value, str)))
    return True


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # Python's `$` would let a line break follow.
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))
