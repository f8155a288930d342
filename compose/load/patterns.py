"""Shell patterns for names of services, as `config 'web*'` takes them (the syntax of Go's `filepath.Match`)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = frozenset("*?[\\")
# A class has at least one member; only a backslash gives `]`, `-` and a leading `^` as members.
_TOKEN = re.compile(r"\*+|\?|\[(\^?)((?:(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?)+)\]|\\(.)|([^*?\[\\])", re.DOTALL)


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the names that a pattern means; one that is no valid pattern means none."""
    if _SPECIAL.isdisjoint(pattern):
        return [name for name in names if name == pattern]
    compiled = _compiled(pattern)
    return [name for name in names if compiled.fullmatch(name)] if compiled else []


def _compiled(pattern: str) -> re.Pattern[str] | None:
    text, position = "", 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:
            return None
        position = token.end()
        negation, members, escaped, plain = token.groups()
        if members is not None:
            text += f"[{negation}{members.replace('[', chr(92) + '[')}]"
        elif escaped is not None or plain is not None:
            text += re.escape(escaped or plain)
        else:
            text += "." if token[0] == "?" else ".*"
    try:
        return re.compile(text, re.DOTALL)
    except re.error:  # a range that ends before it begins
        return None
