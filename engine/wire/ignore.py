"""`.dockerignore`: which paths of a context stay away. Pure; the rules are those of moby's patternmatcher.

The last pattern that matches decides; `!` takes a path back in. A pattern that matches a directory matches all in it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import Final

from engine.errors import BadRequest

_SPECIAL: Final = frozenset(".$+()|{}^")


class InvalidPattern(BadRequest):
    """A pattern that cannot be read."""


def read_ignore(text: str) -> list[str]:
    """The patterns of a `.dockerignore`, cleaned as Docker cleans them."""
    patterns = []
    for number, line in enumerate(text.splitlines()):
        line = line.removeprefix("\ufeff") if number == 0 else line
        if line.startswith("#"):
            continue
        pattern = line.strip()
        negation = "!" if pattern.startswith("!") else ""
        pattern = pattern.removeprefix("!").strip()
        if pattern:
            cleaned = posixpath.normpath(pattern)
            cleaned = cleaned.lstrip("/") if len(cleaned) > 1 else cleaned
            patterns.append(negation + cleaned)
    return patterns


class Ignore:
    """Decides by patterns. Raises `InvalidPattern` for one that is none."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._rules = [(_compile(pattern.removeprefix("!")), pattern.startswith("!")) for pattern in patterns]
        self.has_exceptions = any(negated for _, negated in self._rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def excludes(self, path: str) -> bool:
        """Whether a path (relative, with slashes) is left out."""
        is_excluded = False
        parents = _parents(path)
        for rule, negated in self._rules:
            # Looked at only where it could change something.
            if negated == is_excluded and any(rule.fullmatch(item) for item in (path, *parents)):
                is_excluded = not negated
        return is_excluded


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _compile(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression: `*` and `?` do not cross slashes, `**` does, and matches nothing, too."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        text, at = _piece(pattern, at)
        parts.append(text)
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as exc:
        raise InvalidPattern(f"invalid pattern in .dockerignore: {pattern!r}: {exc}") from exc


def _piece(pattern: str, at: int) -> tuple[str, int]:
    character = pattern[at]
    if pattern.startswith("**", at):
        at += 2
        if pattern.startswith("/", at):
            return "(?:.*/)?", at + 1
        return ".*", at
    if character == "*":
        return "[^/]*", at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "\\":
        if at + 1 == len(pattern):
            raise InvalidPattern(f"invalid pattern in .dockerignore: {pattern!r} ends with a backslash")
        return re.escape(pattern[at + 1]), at + 2
    if character == "[":
        return _class(pattern, at)
    return f"\\{character}" if character in _SPECIAL else re.escape(character), at + 1


def _class(pattern: str, at: int) -> tuple[str, int]:
    end = pattern.find("]", at + 2)
    if end < 0:
        raise InvalidPattern(f"invalid pattern in .dockerignore: {pattern!r}: `[` is not closed")
    content = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
    return f"[{content}]", end + 1
