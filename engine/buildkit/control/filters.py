"""Filters of the cache as buildx writes them: `type==regular,id~=abc`; one of several has to fit. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from engine.builder.usage import CacheUsage
from engine.errors import BadRequest

_TERM: Final = re.compile(r'([a-z]+)(?:(==|!=|~=)"?([^"]*)"?)?')
_FACTS: Final[Mapping[str, Callable[[CacheUsage], str]]] = {
    "id": lambda item: item.id,
    "type": lambda item: item.kind,
    "description": lambda item: item.description,
    "inuse": lambda item: "true" if item.in_use else "",
    "mutable": lambda item: "true" if item.kind != "regular" else "",
    "immutable": lambda item: "true" if item.kind == "regular" else "",
    "shared": lambda item: "true" if item.is_shared else "",
    "private": lambda item: "" if item.is_shared else "true",
    "parents": lambda item: ";".join(item.parents),
}

Matches = Callable[[CacheUsage], bool]


def read_filters(texts: Iterable[str], *, unused_for_ns: int = 0) -> Matches:
    """What fits one of the filters, if there are any, and was not used for that long. Raises `BadRequest`."""
    filters = [[_term(term) for term in text.split(",") if term] for text in texts]
    limit_ns = time.time_ns() - unused_for_ns

    def matches(item: CacheUsage) -> bool:
        if unused_for_ns and item.used_ns > limit_ns:
            return False
        return not filters or any(all(term(item) for term in terms) for terms in filters)

    return matches


def _term(text: str) -> Matches:
    match = _TERM.fullmatch(text.strip())
    fact = _FACTS.get(match[1]) if match else None
    if match is None or fact is None:
        raise BadRequest(f"invalid filter {text!r}", hint=f"filter by {', '.join(_FACTS)}")
    operator, value = match[2] or "", match[3] or ""
    if operator == "==":
        return lambda item: fact(item) == value
    if operator == "!=":
        return lambda item: fact(item) != value
    if operator == "~=":
        pattern = _pattern(value)
        return lambda item: pattern.search(fact(item)) is not None
    return lambda item: bool(fact(item))


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as exc:
        raise BadRequest(f"invalid filter {text!r}: {exc}") from exc
