"""The attributes of the Compose Specification, as its schema has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas import load_schema


def attributes() -> list[str]:
    """Every attribute of the schema by its path, in its order; `*` stands for the user's names."""
    schema = load_schema("compose")
    return list(dict.fromkeys(_walk(schema, schema["$defs"], ())))


def _walk(node: Mapping[str, Any], known: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    while "$ref" in node:
        node = known[node["$ref"].rpartition("/")[2]]
    for branch in (*node.get("oneOf", ()), *node.get("anyOf", ())):
        yield from _walk(branch, known, path)
    for name, entry in node.get("properties", {}).items():
        yield ".".join((*path, name))
        yield from _walk(entry, known, (*path, name))
    for pattern, entry in node.get("patternProperties", {}).items():
        if pattern != "^x-":
            yield from _walk(entry, known, (*path, "*"))
    for keyword, step in (("additionalProperties", ("*",)), ("items", ())):
        if isinstance(node.get(keyword), dict):
            yield from _walk(node[keyword], known, (*path, *step))
