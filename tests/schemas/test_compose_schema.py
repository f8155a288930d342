from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from compose.load.forms.shape import SECTIONS, SERVICE
from schemas import load_schema

SCHEMA = load_schema("compose")
# What compose.load.checks.validate understands.
KEYWORDS = {
    "$defs",
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "default",
    "deprecated",
    "description",
    "enum",
    "items",
    "maximum",
    "minimum",
    "pattern",
    "patternProperties",
    "properties",
    "required",
    "title",
    "type",
    "uniqueItems",
}


def subschemas(schema: dict[str, Any], path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for keyword in ("properties", "patternProperties", "$defs"):
        for name, below in schema.get(keyword, {}).items():
            yield from subschemas(below, f"{path}/{keyword}/{name}")
    for index, below in enumerate(schema.get("anyOf", ())):
        yield from subschemas(below, f"{path}/anyOf/{index}")
    if "items" in schema:
        yield from subschemas(schema["items"], f"{path}/items")


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def types(schema: dict[str, Any]) -> list[str]:
    schema = resolved(schema)
    if "anyOf" in schema:
        return [name for branch in schema["anyOf"] for name in types(branch)]
    found = schema.get("type", [])
    return [found] if isinstance(found, str) else found


def test_the_schema_is_valid_by_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_key_has_a_description_that_says_more_than_its_name() -> None:
    bare = [
        f"{path}/{name}"
        for path, schema in subschemas(SCHEMA)
        for name, below in schema.get("properties", {}).items()
        if not below.get("description", "").endswith(".") or len(below["description"]) < 24
    ]
    assert bare == []


def test_only_keywords_that_the_checker_understands_are_used() -> None:
    unknown = {keyword for _, schema in subschemas(SCHEMA) for keyword in schema} - KEYWORDS
    assert unknown == set()


def test_alternatives_differ_in_type_so_that_a_value_belongs_to_one_of_them() -> None:
    for path, schema in subschemas(SCHEMA):
        if "anyOf" in schema:
            found = types(schema)
            assert len(found) == len(set(found)), path


def test_every_reference_leads_somewhere_and_every_definition_is_used() -> None:
    used = {schema["$ref"].removeprefix("#/$defs/") for _, schema in subschemas(SCHEMA) if "$ref" in schema}
    assert used == set(SCHEMA["$defs"])


@pytest.mark.parametrize(("section", "shape"), [("services", SERVICE), *SECTIONS.items()])
def test_every_attribute_of_the_document_can_be_written(section: str, shape: Any) -> None:
    definition = resolved(SCHEMA["properties"][section]["patternProperties"]["^[a-zA-Z0-9._-]+$"])
    # Configs and secrets share one shape, of which each has its part.
    allowed = set(definition["properties"]) | ({"content", "driver", "driver_opts"} if section != "services" else set())
    assert set(shape.names) <= allowed


def test_every_attribute_of_a_service_that_can_be_written_is_in_the_document() -> None:
    # `pull_refresh_after` is in the specification's schema, but the reference ignores it.
    assert set(SCHEMA["$defs"]["service"]["properties"]) - set(SERVICE.names) == {"pull_refresh_after"}
