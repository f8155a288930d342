"""What is wrong with text that is not YAML, in plain words: the parser's own speak of tokens and contexts."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from compose.errors import Location, Problem
from compose.lazy import lazy_pattern
from compose.load.text.files import LINE_BREAK
from compose.load.text.pyyaml import yaml

_NO_SPACE = lazy_pattern(r"\s*(?:- +)?([\w.-]+):([^\s:/].*)")
_COLUMNS = "entries of one mapping start in the same column, and what belongs to them is indented further"


class _Words(Struct, frozen=True):
    """How to say it; `at_start` when the beginning of what is wrong says more than where the parser noticed it."""

    message: str
    hint: str | None = None
    at_start: bool = False


_DEEPER = _Words(
    "this is indented further than its neighbours, below a value that is complete", f"align it: {_COLUMNS}"
)
_SECOND_COLON = _Words("a value in the same line cannot have a `: `", "put quotes around the value")
_AFTER_VALUE = _Words("this comes after the end of the value", "put quotes around all of it, or remove this")
_NO_NEIGHBOUR = _Words("this line does not line up with those above", f"check the indentation: {_COLUMNS}")

# (what the parser says, part of what it was doing) -> our words; the first match counts.
_TABLE: tuple[tuple[str, str, _Words], ...] = (
    (
        "found character that cannot start",
        "",
        _Words("a value cannot begin with this character", "put the value in quotes"),
    ),
    ("found a tab character", "", _Words("a tab is used for indentation", "indent with spaces")),
    (
        "block sequence entries are not allowed",
        "",
        _Words("a list cannot begin here", "begin it on a line of its own, or write it as `[a, b]`"),
    ),
    (
        "did not find expected '-' indicator",
        "",
        _Words(
            "this is neither an item of the list before nor outside of it",
            "begin each item with `- `, all in the same column",
        ),
    ),
    (
        "found unexpected end of stream",
        "quoted scalar",
        _Words("this quote is not closed", "add the closing quote", True),
    ),
    ("found unexpected document indicator", "", _Words("this quote is not closed", "add the closing quote", True)),
    (
        "did not find expected ',' or ']'",
        "",
        _Words("this list is not closed", "put a `,` between items and a `]` at the end", True),
    ),
    (
        "did not find expected ',' or '}'",
        "",
        _Words("this mapping is not closed", "put a `,` between entries and a `}` at the end", True),
    ),
    (
        "could not find expected ':'",
        "",
        _Words(
            "this is no `key: value`", "a `:` after the key is missing, or a quote or the indentation is wrong", True
        ),
    ),
    (
        "found unknown escape character",
        "",
        _Words("unknown escape in a double-quoted value", r"write `\\` for a backslash, or use single quotes"),
    ),
    (
        "did not find expected alphabetic or numeric",
        "alias",
        _Words("`*` begins an alias, whose name is missing", "put quotes around a value that begins with `*`", True),
    ),
    (
        "did not find expected alphabetic or numeric",
        "anchor",
        _Words("`&` begins an anchor, whose name is missing", "put quotes around a value that begins with `&`", True),
    ),
    ("did not find expected node content", "", _Words("a value is missing here", "remove the `,` or add a value")),
    (
        "did not find expected <document start>",
        "",
        _Words("this does not belong to what is before", f"check the indentation: {_COLUMNS}"),
    ),
    (
        "did not find expected comment or line break",
        "block scalar",
        _Words("after `|` or `>` the text begins in the next line", "break the line here, and indent the text"),
    ),
    ("found undefined tag handle", "", _Words("unknown tag", "put quotes around a value that begins with `!`", True)),
)


def explain(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """Return the problem that a parser's error stands for, at its place."""
    if isinstance(error, yaml.MarkedYAMLError):
        return _marked(error, LINE_BREAK.split(text), file)
    if isinstance(error, yaml.reader.ReaderError):
        return _unreadable(error, text, file)
    return Problem(f"invalid YAML: {error}", Location(file, 1, 1))


def _unreadable(error: yaml.reader.ReaderError, text: str, file: str) -> Problem:
    # Characters that YAML does not allow: the first one in the text is where the parser stopped.
    index = next((at for at, character in enumerate(text) if not _is_allowed(character)), 0)
    before = LINE_BREAK.split(text[:index])
    message = f"the character U+{ord(text[index]):04X} is not allowed in YAML" if text else str(error)
    return Problem(message, Location(file, len(before), len(before[-1]) + 1), "remove it, or write it as an escape")


def _is_allowed(character: str) -> bool:
    return character in "\t\n\r\x85" or (
        character >= " " and not "\x7f" <= character <= "\x9f" and character < "\ufffe"
    )


def _marked(error: yaml.MarkedYAMLError, lines: list[str], file: str) -> Problem:
    problem, context = error.problem or "", error.context or ""
    words = _by_layout(problem, error.problem_mark, lines) or next(
        (words for text, during, words in _TABLE if text in problem and during in context), None
    )
    if words is None:
        words = _Words(f"invalid YAML: {problem}{f' ({context})' if context else ''}")
    mark = (error.context_mark if words.at_start else None) or error.problem_mark or error.context_mark
    if mark is None:
        return Problem(words.message, Location(file, 1, 1), words.hint)
    if "expected node content" in problem and not any(map(str.strip, lines[mark.line :])):
        return _open_end(lines[: mark.line], file)
    where = Location(file, mark.line + 1, mark.column + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""
    if words is _DEEPER:
        where = Location(file, where.line, len(line) - len(line.lstrip()) + 1)
    return _tab(line, where) or _missing_space(lines, where) or Problem(words.message, where, words.hint)


def _open_end(lines: list[str], file: str) -> Problem:
    """Return the problem of a file that ends after `[`, `{` or `,`: the parser notices only below its last line."""
    number = max((number for number, line in enumerate(lines, 1) if line.strip()), default=1)
    where = Location(file, number, len(lines[number - 1].rstrip()))
    return Problem("the file ends within brackets", where, "add the closing `]` or `}`")


def _by_layout(problem: str, mark: Any, lines: list[str]) -> _Words | None:
    """Tell apart what the parser says in the same words of a line's beginning and of its middle."""
    before = lines[mark.line][: mark.column] if mark is not None and mark.line < len(lines) else ""
    if "mapping values are not allowed" in problem:
        return _SECOND_COLON if re.search(r":\s", before) else _DEEPER
    if "did not find expected key" in problem:
        return _AFTER_VALUE if before.strip() else _NO_NEIGHBOUR
    return None


def _tab(line: str, where: Location) -> Problem | None:
    """Return the problem of a line that is indented with a tab."""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" not in indentation:
        return None
    at = Location(where.file, where.line, indentation.index("\t") + 1)
    return Problem("a tab is used for indentation", at, "indent with spaces: YAML does not allow tabs there", part="\t")


def _missing_space(lines: list[str], where: Location) -> Problem | None:
    """Return the problem of a line such as `image:nginx`, which YAML takes for a text that may go on below."""
    for number in range(where.line, 0, -1):
        line = lines[number - 1] if number <= len(lines) else ""
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _NO_SPACE.fullmatch(line)
        if match is not None and (match[2][0] not in "'\"" or number < where.line):
            at = Location(where.file, number, match.start(1) + 1)
            return Problem(
                "a space is missing after the colon", at, f"write `{match[1]}: {match[2].strip()}`", part=f"{match[1]}:"
            )
        if number < where.line:
            break
    return None
