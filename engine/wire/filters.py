"""Docker's `filters` parameter: a JSON object of lists, or (newer) of objects whose keys are the values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from engine.errors import BadRequest
from engine.wire.codec import encode
from engine.wire.typed import from_json

Filters = Mapping[str, tuple[str, ...]]

NO_FILTERS: Final[Filters] = {}


def parse_filters(text: str, known: Collection[str] | None = None) -> Filters:
    """The filters of a query, each with its values. Raises `BadRequest`, also for a filter not in `known`."""
    if not text:
        return NO_FILTERS
    try:
        found = from_json(text.encode(), dict[str, dict[str, bool] | list[str]])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as exc:
        raise BadRequest("invalid filter", hint='filters look like {"label": ["key=value"]}') from exc
    for name in found:
        if known is not None and name not in known:
            raise BadRequest(f"invalid filter '{name}'")
    return {name: tuple(values) for name, values in found.items()}


def format_filters(filters: Mapping[str, Iterable[str]]) -> str:
    """The query's text of `filters`, in the encoding that every version of the API reads."""
    return encode({name: list(values) for name, values in filters.items()}).decode()


def matches_labels(labels: Mapping[str, str] | None, wanted: Iterable[str]) -> bool:
    """Whether every wanted `key` or `key=value` is among the labels."""
    have = labels or {}
    for item in wanted:
        key, has_value, value = item.partition("=")
        if key not in have or (has_value and have[key] != value):
            return False
    return True


def matches_text(text: str, wanted: Collection[str]) -> bool:
    """Whether `text` is, or contains a match of, one of the wanted texts (regular expressions, as in Docker).

    No wanted text matches everything.
    """
    return not wanted or any(text == item or _is_found(item, text) for item in wanted)


def matches_exactly(text: str, wanted: Collection[str]) -> bool:
    """Whether `text` is one of the wanted texts, or none is wanted."""
    return not wanted or text in wanted


def filter_flag(filters: Filters, name: str) -> bool | None:
    """The one boolean value of a filter, None if it is absent. Raises `BadRequest` for anything else."""
    values = filters.get(name, ())
    if not values:
        return None
    said = {value.lower() for value in values}
    is_true, is_false = bool(said & {"1", "true", "t"}), bool(said & {"0", "false", "f"})
    if is_true == is_false:
        raise BadRequest(f"invalid filter '{name}=[{' '.join(values)}]'", hint="use true or false")
    return is_true


def _is_found(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False
