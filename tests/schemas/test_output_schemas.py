"""The schemas of what commands print."""

from __future__ import annotations

import jsonschema
import pytest

from schemas import load_schema
from scripts.reference.output import output_names, output_page


@pytest.mark.parametrize("name", output_names())
def test_a_schema_is_one_and_describes_every_attribute(name: str) -> None:
    schema = load_schema(f"output/{name}")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert name in output_page()  # which fails for an attribute without a description
    assert schema["$comment"] in ("one JSON document", "one JSON document per line")
