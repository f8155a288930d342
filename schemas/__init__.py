"""JSON Schemas (draft 2020-12) of what users write, and in `output` of what commands print; every key is described."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any


@functools.cache
def load_schema(name: str) -> dict[str, Any]:
    """Return the schema `name` ("compose", "output/ps"). It is shared: do not change it."""
    schema: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))
    return schema
