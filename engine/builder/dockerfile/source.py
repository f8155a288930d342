"""A Dockerfile's text as statements: directives, comments, continued lines and here-documents are resolved here.

A statement is one instruction's keyword, flags and arguments, still unread and unexpanded, with its first line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from engine.builder.dockerfile.problem import DockerfileError, Misspelt
from engine.builder.dockerfile.words import expand, raw_words

_DIRECTIVE: Final = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$")
_DIRECTIVES: Final = frozenset({"syntax", "escape", "check"})
_HEREDOC: Final = re.compile(r"(\d*)<<(-?)([^<]*)")
_WITH_HEREDOCS: Final = frozenset({"ADD", "COPY", "RUN"})


class Heredoc(Struct, frozen=True):
    """A here-document. `content` is as written but for `<<-`, which takes leading tabs away; `expands` says that its
    name was not quoted. `raw` is the text with its tabs, for a shell that reads the document itself.
    """

    name: str
    content: str
    expands: bool
    raw: str
    descriptor: str = ""


class Statement(Struct, frozen=True, kw_only=True):
    """`keyword` is in capitals, `arguments` the rest without the flags, `text` all of it in one line as written."""

    line: int
    keyword: str
    flags: tuple[str, ...] = ()
    arguments: str = ""
    heredocs: tuple[Heredoc, ...] = ()
    text: str = ""


class Source(Struct, frozen=True, kw_only=True):
    """A whole file. `escape` is the character that continues lines and quotes characters."""

    statements: tuple[Statement, ...]
    escape: str = "\\"
    syntax: str = ""
    check: str = ""


def read_source(text: str, file: str = "Dockerfile") -> Source:
    """Take a Dockerfile apart. Raises `DockerfileError`."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    directives, start = _directives(lines, file)
    escape = directives.get("escape", "\\")
    if escape not in ("\\", "`"):
        raise DockerfileError(file, start, f"invalid ESCAPE '{escape}'. Must be ` or \\")
    reader = _Reader(lines, escape, file)
    return Source(
        statements=tuple(reader.statements()),
        escape=escape,
        syntax=directives.get("syntax", ""),
        check=directives.get("check", ""),
    )


def split_statement(line: int, text: str, escape: str) -> Statement:
    """One logical line as a statement. Raises `Misspelt`."""
    keyword, _, rest = re.sub(r"\s+", " ", text, count=1).partition(" ") if text[:1].strip() else ("", "", "")
    flags, arguments = _take_flags(rest.strip(), escape)
    return Statement(line=line, keyword=keyword.upper(), flags=flags, arguments=arguments, text=text)


def _directives(lines: Sequence[str], file: str) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _DIRECTIVE.fullmatch(line.strip()) if line.lstrip().startswith("#") else None
        if match is None:
            return found, number
        name = match[1].lower()
        if name in found:
            raise DockerfileError(file, number, f"only one {name} parser directive can be used")
        if name in _DIRECTIVES:
            found[name] = match[2]
    return found, len(lines)


class _Reader:
    """Walks over the physical lines once."""

    def __init__(self, lines: Sequence[str], escape: str, file: str) -> None:
        self._lines = lines
        self._at = 0
        self._escape = escape
        self._file = file
        one = re.escape(escape)
        self._continued = re.compile(rf"^(|.*[^{one}]){one}[ \t]*$", re.DOTALL)

    def statements(self) -> Iterator[Statement]:
        while self._at < len(self._lines):
            first = self._at + 1
            text = self._logical_line()
            if text is not None:
                yield self._statement(first, text)

    def _logical_line(self) -> str | None:
        """The next instruction with its continuation lines, None for a comment or an empty line."""
        line = self._next().strip(" \t\v\f\r")
        if not line or line.startswith("#"):
            return None
        parts: list[str] = []
        while match := self._continued.match(line):
            parts.append(match[1])
            following = self._next_of_continued()
            if following is None:
                return "".join(parts).strip()
            line = following
        return "".join([*parts, line]).strip()

    def _next_of_continued(self) -> str | None:
        """The line that goes on: comments and empty lines between do not end the instruction."""
        while self._at < len(self._lines):
            line = self._next()
            if line.strip() and not line.lstrip().startswith("#"):
                return line
        return None

    def _next(self) -> str:
        self._at += 1
        return self._lines[self._at - 1]

    def _statement(self, number: int, text: str) -> Statement:
        try:
            statement = split_statement(number, text, self._escape)
            heredocs = tuple(self._heredocs(statement, number))
        except Misspelt as exc:
            raise DockerfileError(self._file, number, exc.problem, hint=exc.hint) from exc
        return Statement(
            line=number,
            keyword=statement.keyword,
            flags=statement.flags,
            arguments=statement.arguments,
            heredocs=heredocs,
            text=text,
        )

    def _heredocs(self, statement: Statement, number: int) -> Iterator[Heredoc]:
        inner = statement
        while inner.keyword == "ONBUILD":
            inner = split_statement(number, inner.arguments, self._escape)
        if inner.keyword not in _WITH_HEREDOCS or inner.arguments.startswith("["):
            return
        for word in raw_words(inner.arguments, self._escape):
            match = _HEREDOC.fullmatch(word)
            if match is None or not match[3]:
                continue
            name = expand(match[3], lambda _: None, self._escape)
            yield self._heredoc(name, match, number)

    def _heredoc(self, name: str, match: re.Match[str], number: int) -> Heredoc:
        strips = bool(match[2])
        body: list[str] = []
        while self._at < len(self._lines):
            line = self._next()
            if (line.lstrip("\t") if strips else line) == name:
                raw = "".join(f"{item}\n" for item in body)
                content = "".join(f"{item.lstrip(chr(9))}\n" for item in body) if strips else raw
                return Heredoc(name, content, match[3] == name, raw, match[1])
            body.append(line)
        raise DockerfileError(self._file, number, f"unterminated heredoc: no line `{name}` ends it")


def _take_flags(text: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The words `--…` in front, quotes resolved, and what follows them."""
    flags: list[str] = []
    at = 0
    while text.startswith("--", at):
        word, at = _flag(text, at, escape)
        at += len(text[at:]) - len(text[at:].lstrip())
        if word == "--":
            break
        flags.append(word)
    return tuple(flags), text[at:]


def _flag(text: str, at: int, escape: str) -> tuple[str, int]:
    word, quote = "", ""
    while at < len(text):
        character = text[at]
        if not quote and character.isspace():
            break
        if character == escape and at + 1 < len(text):
            at += 1
            word += text[at]
        elif character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        else:
            word += character
        at += 1
    return word, at
