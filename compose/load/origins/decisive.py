"""Which variables of a text made a difference: found by changing each and looking at what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compose.load.forms.short import parse_device, parse_port, parse_volume, split_words
from compose.load.text.template import TemplateError, substitute
from compose.load.tree import Steps

Part = Callable[[str], Any]

_TAKEN_APART: dict[str, Callable[[str], Any]] = {
    "ports": lambda text: parse_port(text)[0],
    "volumes": parse_volume,
    "devices": parse_device,
    "command": split_words,
    "entrypoint": split_words,
}


def part_of(path: Steps) -> Part:
    """Return what takes from a text the part that the document has at `path`: mostly all of it."""
    if len(path) <= 3 or path[0] != "services":
        return str
    *_, attribute = path
    parser = _TAKEN_APART.get(str(path[2]))
    return (lambda text: parser(text)[attribute]) if parser else str


def decisive(text: str, environment: Mapping[str, str], part: Part) -> list[str]:
    """Return the variables that a part of the text depends on: not those in a default that is not used."""
    names: dict[str, None] = {}

    def outcome(changed: str | None = None, value: str | None = None) -> Any:
        def lookup(name: str) -> str | None:
            names.setdefault(name)
            return value if name == changed else environment.get(name)

        try:
            whole = substitute(text, lookup, lambda _: None)
        except TemplateError:
            return None
        try:
            return part(whole)
        except (ValueError, LookupError):
            return whole  # not a short form: the part cannot be told from the whole

    given = outcome()
    written = sorted(names, key=text.find)  # a default is looked at before the variable that it belongs to
    return [name for name in written if any(given != outcome(name, other) for other in _others(environment, name))]


def _others(environment: Mapping[str, str], name: str) -> tuple[str | None, ...]:
    """Return values that a variable does not have: none, and one of the same kind."""
    value = environment.get(name)
    if value is None:
        return ("1",)
    is_number = value[-1:].isdecimal()
    return (f"{value[:-1]}{(int(value[-1]) + 1) % 10}" if is_number else f"{value}x", None)
