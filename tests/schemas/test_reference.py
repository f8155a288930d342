"""Our schema held against the schema of the Compose Specification, node by node.

The reference (tests/data/compose-spec.json, with its licence beside it) is only ever read here. Ours is worded anew, in
another draft and with other definitions; what it accepts and refuses must be the same at every place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas import load_schema

Schema = dict[str, Any]

REFERENCE: Schema = json.loads((Path(__file__).parents[1] / "data" / "compose-spec.json").read_text("utf-8"))
OURS: Schema = dict(load_schema("compose"))

# What is said about a value of each type; the rest is for people, or for other types.
KEYWORDS: dict[str, tuple[str, ...]] = {
    "object": ("required", "additionalProperties"),
    "array": ("uniqueItems", "minItems", "maxItems"),
    "string": ("enum", "pattern", "format", "minLength", "maxLength"),
    "integer": ("minimum", "maximum", "format"),
    "number": ("minimum", "maximum", "format"),
    "boolean": (),
    "null": (),
}
UNSAID: dict[str, Any] = {"required": [], "additionalProperties": True, "uniqueItems": False}
TYPES = tuple(KEYWORDS)

NAMES = "^[a-zA-Z0-9._-]+$"
# Differences that are meant, each with its reason.
JUSTIFIED: dict[str, str] = {
    f"/services/{NAMES}/models/{NAMES}: types": "an entry without details may be empty, as docker compose has it",
}


def alternatives(schema: Schema, root: Schema) -> Iterator[Schema]:
    """Yield what a node allows as schemas without references and alternatives."""
    while "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    branches = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    if not branches:
        yield schema
    for branch in branches:
        yield from alternatives(branch, root)


def by_type(schema: Schema, root: Schema) -> dict[str, Schema]:
    """Return the one alternative that each type of value has to fulfil."""
    found: dict[str, Schema] = {}
    for alternative in alternatives(schema, root):
        types = alternative.get("type", TYPES)
        for name in (types,) if isinstance(types, str) else types:
            assert name not in found, "two alternatives for one type cannot be told apart"
            found[name] = alternative
    return found


def below(schema: Schema, kind: str) -> dict[str, Schema]:
    """Return the schemas of what a mapping or a list holds, by the step that leads to them."""
    if kind == "array":
        return {"[]": schema["items"]} if "items" in schema else {}
    steps = {**schema.get("properties", {}), **schema.get("patternProperties", {})}
    if isinstance(schema.get("additionalProperties"), dict):
        steps["any other key"] = schema["additionalProperties"]
    return steps


def said(schema: Schema, keyword: str) -> Any:
    value = schema.get(keyword, UNSAID.get(keyword))
    return sorted(value) if isinstance(value, list) else True if isinstance(value, dict) else value


def differences(reference: Schema, ours: Schema, path: str = "") -> Iterator[str]:
    """Yield the path and the keyword of everything that one schema says and the other does not."""
    theirs, mine = by_type(reference, REFERENCE), by_type(ours, OURS)
    if set(theirs) != set(mine):
        yield f"{path}: types"
    for name in theirs.keys() & mine.keys():
        yield from (f"{path}: {key}" for key in KEYWORDS[name] if said(theirs[name], key) != said(mine[name], key))
    for name in ("array", "object"):
        if name in theirs and name in mine:
            yield from contents(below(theirs[name], name), below(mine[name], name), path)


def contents(theirs: dict[str, Schema], mine: dict[str, Schema], path: str) -> Iterator[str]:
    """Yield the differences between what two mappings, or two lists, may hold."""
    for step in sorted(theirs.keys() ^ mine.keys()):
        yield f"{path}/{step}: only in {'the reference' if step in theirs else 'ours'}"
    for step in sorted(theirs.keys() & mine.keys()):
        yield from differences(theirs[step], mine[step], f"{path}/{step}")


def test_our_schema_allows_what_the_specification_s_schema_allows_and_nothing_else() -> None:
    assert set(differences(REFERENCE, OURS)) - set(JUSTIFIED) == set()


def test_every_justified_difference_is_still_one() -> None:
    assert set(JUSTIFIED) - set(differences(REFERENCE, OURS)) == set()
