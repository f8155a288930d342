"""Where the values of a document come from, as columns of text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import asdict

from compose.errors import Location
from compose.model.paths import Path, path_name

_WIDEST = 64  # a longer value pushes only its own line


class Origin(Protocol):
    """What is shown of an origin (`compose.load.origins.find` has the meaning)."""

    @property
    def kind(self) -> str: ...
    @property
    def where(self) -> Location | None: ...
    @property
    def variable(self) -> str: ...
    @property
    def rule(self) -> str: ...


Origins = Callable[[Path, Any], Sequence[Origin]]


def render_origins(document: Mapping[str, Any], origins: Origins, *, as_json: bool) -> str:
    """Tell of every value of a document where it comes from."""
    return origins_json(document, origins) if as_json else origins_text(document, origins)


def origins_text(document: Mapping[str, Any], origins: Origins) -> str:
    """One line per value, in the document's order: path, value and origins."""
    lines = [
        (f"{path_name(path)}: {json.dumps(value, ensure_ascii=False) if _needs_quotes(value) else value}", path, value)
        for path, value in _values(document, ())
    ]
    width = max((len(text) for text, _, _ in lines if len(text) <= _WIDEST), default=0)
    return "".join(f"{text:{width}}  {in_words(origins(path, value))}\n" for text, path, value in lines)


def origins_json(document: Mapping[str, Any], origins: Origins) -> str:
    """A list of `{path, value, origins}`; an origin has what it knows of `kind`, `file`, `line`, `column`, …"""
    entries = [
        {"path": path, "value": value, "origins": [_plain(origin) for origin in origins(path, value)]}
        for path, value in _values(document, ())
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def in_words(origins: Sequence[Origin]) -> str:
    """The origins of one value: `.env:3:1 (LOG_LEVEL) in compose.yaml:12:18`."""
    causes = ", ".join(_WORDS[origin.kind](origin) for origin in origins if origin.kind != "file")
    files = ", ".join(str(origin.where) for origin in origins if origin.kind == "file")
    return f"{causes} in {files}" if causes and files else causes or files


def _values(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield every scalar and every empty mapping and list of a document, with its path."""
    if isinstance(value, dict) and value:
        for key, entry in value.items():
            yield from _values(entry, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _values(item, (*path, index))
    else:
        yield path, value


def _needs_quotes(value: Any) -> bool:
    return not isinstance(value, str) or not value.isprintable() or not value or value != value.strip()


def _plain(origin: Origin) -> dict[str, Any]:
    where = asdict(origin.where) if origin.where else {}
    entry = {"kind": origin.kind, **where, "variable": origin.variable, "rule": origin.rule}
    return {key: value for key, value in entry.items() if value}


def _because(origin: Origin) -> str:
    rule = f" ({origin.rule})" if origin.rule else ""
    variable = f" ({origin.variable}, {origin.rule})" if origin.variable else rule
    return f"{origin.kind}{variable}{f' at {origin.where}' if origin.where else ''}"


_WORDS: dict[str, Callable[[Origin], str]] = {
    "shell": lambda origin: f"shell ({origin.variable})",
    "env file": lambda origin: f"{origin.where} ({origin.variable})",
    "option": lambda origin: origin.rule,
    "fallback": lambda origin: f"default of {origin.variable}",
    "unset": lambda origin: f"{origin.variable} is not set",
    "default": _because,
    "implied": _because,
}
