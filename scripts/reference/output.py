"""docs/output.md: what commands print for programs, from the schemas of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas import load_schema
from scripts.reference.commands import plain

OUTPUT = Path(__file__).resolve().parents[2] / "schemas" / "output"

_HEAD = """\
# Output for programs

What commands print as JSON, made by `make reference` from the schemas in `schemas/output`, which a test holds against
what the commands print. Names and values are docker compose's where it has the command. *Lines* are one document each;
documents may get more attributes in later versions, and lose none.

`config --format json` prints the project itself: [schemas/compose.json](../schemas/compose.json) describes it.
"""


def output_names() -> list[str]:
    """The names of the schemas."""
    return sorted(path.stem for path in OUTPUT.glob("*.json"))


def output_page() -> str:
    """All schemas as tables, in Markdown."""
    return "\n".join([_HEAD, *(line for name in output_names() for line in _section(name))])


def _section(name: str) -> Iterator[str]:
    schema = load_schema(f"output/{name}")
    many = " Lines." if schema["$comment"].endswith("per line") else ""
    yield f"## {schema['title'].removeprefix('pycompose ')}\n"
    inner = schema["items"] if schema["type"] == "array" else schema
    what = "A list. " if schema["type"] == "array" else ""
    yield f"[{name}.json](../schemas/output/{name}.json).{many} {what}{inner['description']}\n"
    yield "| attribute | |\n|---|---|"
    yield from (f"| `{path}` | {plain(told)} |" for path, told in _attributes(inner, ""))
    yield ""


def _attributes(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Every attribute with its path and description, those of lists and of named things included."""
    others = schema.get("additionalProperties")
    named = {"NAME": others} if isinstance(others, dict) and "properties" in others else {}
    for name, inner in {**schema.get("properties", {}), **named}.items():
        told = inner["description"] + (
            f": {', '.join(f'`{each}`' for each in inner['enum'])}" if "enum" in inner else ""
        )
        yield f"{prefix}{name}", told
        items = inner.get("items", {})
        yield from _attributes(inner if "properties" in inner else items, f"{prefix}{name}{'[]' if items else ''}.")
