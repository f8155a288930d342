"""A line of a user's file with the part marked that a problem is about."""

from __future__ import annotations

import re
import unicodedata

from compose.lazy import lazy_pattern

_WIDEST = 150  # columns of a line that are shown: more of a file without line breaks helps nobody
_BEFORE = 60
_LOOKED_AT = 4_000  # characters of a line to either side of the column; it may be all of a large file
_CLOSING = {"[": "]", "{": "}"}
_QUOTED = {'"': re.compile(r'"(?:[^"\\]|\\.)*"'), "'": re.compile(r"'(?:[^']|'')*'")}
_PLAIN = lazy_pattern(r"(?:[^:#]|:(?![\s]|$)|(?<!\s)#)+")
_PLAIN_IN_FLOW = lazy_pattern(r"(?:\$\{[^}]*\}|[^:#,\[\]{}]|:(?![\s,\]}]|$)|(?<!\s)#)+")
_FLOW = lazy_pattern(r"[\[{](?![^\[\]{}]*[\]}])")


def excerpt(source: str, column: int, part: str = "") -> tuple[str, str, str]:
    """Return the line as it is shown, the blank before the mark, and the mark (`^^^`; "" without a column).

    The mark is as long as `part`, or else as the scalar or key that begins at the column. Tabs stay tabs, so that
    the mark stays in place, and wide characters count twice.
    """
    first = max(0, column - 1 - _LOOKED_AT)
    column = max(0, column - first)
    text = _printable(source[first : first + 2 * _LOOKED_AT].rstrip("\r\n"))
    if not column:
        return text[:_WIDEST], "", ""
    start = min(column - 1, len(text))
    end = min(start + (len(part) or _length(text, start, is_cut=first > 0)), max(len(text), start + 1))
    if len(text) > _WIDEST:
        first = max(0, start - _BEFORE)
        shown = f"{'…' if first else ''}{text[first : first + _WIDEST]}"
        shift = first - (1 if first else 0)
        shown, start, end = (f"{shown}…" if first + _WIDEST < len(text) else shown), start - shift, end - shift
        text, end = shown, max(min(end, len(shown)), start + 1)
    blank = "".join("\t" if character == "\t" else " " * _width(character) for character in text[:start])
    return text, blank, "^" * max(1, sum(_width(character) for character in text[start:end]))


def _length(text: str, start: int, *, is_cut: bool) -> int:
    """Return the length of the scalar, key or one-line collection that begins at `start`.

    What comes before it may have been cut away: in a line so long it stands within brackets.
    """
    first = text[start : start + 1]
    if first in _CLOSING:
        return _collection(text, start)
    if first in _QUOTED:
        quoted = _QUOTED[first].match(text, start)
        return len(quoted[0]) if quoted else len(text) - start
    if first in ("&", "!", "*"):
        return len(text[start:].split(maxsplit=1)[0])
    plain = _PLAIN.match(text, start)
    if plain is not None and (is_cut or _FLOW.search(text, 0, start) or _is_in_flow(plain[0], text[plain.end() :])):
        plain = _PLAIN_IN_FLOW.match(text, start)
    return len(plain[0].rstrip()) if plain else 1


def _is_in_flow(scalar: str, after: str) -> bool:
    """Tell whether what looks like one scalar must be several, of a collection that began in an earlier line."""
    is_closed = any(scalar.count(closing) > scalar.count(opening) for opening, closing in _CLOSING.items())
    return is_closed or (", " in scalar and after.startswith(":"))


def _collection(text: str, start: int) -> int:
    depth = 0
    for index in range(start, len(text)):
        if text[index] in "[{":
            depth += 1
        elif text[index] in "]}":
            depth -= 1
            if not depth:
                return index - start + 1
    return 1


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _printable(text: str) -> str:
    """Replace what a terminal would act upon."""
    return "".join("�" if unicodedata.category(char) == "Cc" and char != "\t" else char for char in text)
