"""Transformations as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from compose.plan.bridging import Transformer
from compose.render.tables import table
from compose.render.units import human_size

_NARROWEST = 20
_ID_DIGITS = 12


def transformers_table(found: Iterable[Transformer]) -> str:
    """A line per image."""
    rows = []
    for item in found:
        repository, _, tag = item.name.rpartition(":") if item.name else ("<none>", "", "<none>")
        identity = item.id.removeprefix("sha256:")[:_ID_DIGITS]
        rows.append((identity, repository, tag, human_size(item.size_bytes, 3)))
    return table(("IMAGE ID", "REPO", "TAGS", "SIZE"), rows, narrowest=_NARROWEST)


def transformers_json(found: Iterable[Transformer]) -> str:
    """A list of what the engine says, in one line."""
    documents = [msgspec.to_builtins(item.document) for item in found]
    return json.dumps(documents, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n"
