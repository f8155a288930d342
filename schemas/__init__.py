"""JSON Schemas (draft 2020-12) of the files that users write; every key has a description."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any


@functools.cache
def load_schema(name: str) -> dict[str, Any]:
    """Return the schema `name` ("compose"). It is shared: do not change it."""
    schema: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    return schema
