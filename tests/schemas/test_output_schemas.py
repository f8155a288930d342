"""The schemas of what commands print."""

from __future__ import annotations

import jsonschema
import pytest

from schemas import load_schema
from scripts.reference.output import output_names


@pytest.mark.parametrize("name", output_names())
def test_a_schema_is_one_and_describes_every_attribute(name: str) -> None:
    schema = load_schema(f"output/{name}")
    jsonschema.Draft202012Validator.check_schema(schema)
    inner = schema["items"] if schema["type"] == "array" else schema
    assert inner["description"]
    assert all(each["description"] for each in inner.get("properties", {}).values())
    assert schema["$comment"] in ("one JSON document", "one JSON document per line")
