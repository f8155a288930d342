"""The words of a Dockerfile: quoting, escapes and variables.

The rules are those of Docker's own small shell language (Dockerfile reference, "Environment replacement"): `$x`,
`${x}`, `${x:-word}`, `${x:+word}`, `${x:?word}` and the three without the colon, `${x#pattern}`, `${x##pattern}`,
`${x%pattern}`, `${x%%pattern}`, `${x/pattern/word}`, `${x//pattern/word}`. Single quotes keep everything, double
quotes keep all but variables and escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from engine.builder.dockerfile.problem import Misspelt

# The value of a variable, None when it is not set.
Lookup = Callable[[str], str | None]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL: Final = "@*#?-$!0123456789"
_MOST_DEPTH: Final = 64


def expand(word: str, lookup: Lookup, escape: str = "\\") -> str:
    """A word with its variables replaced and its quotes removed. Raises `Misspelt`."""
    return _Expander(word, lookup, escape).word()


def expand_text(text: str, lookup: Lookup, escape: str = "\\") -> str:
    """A here-document with its variables replaced; quotes are text, an escape only keeps a `$`. Raises `Misspelt`."""
    return _Expander(text, lookup, escape).text_only()


def raw_words(text: str, escape: str = "\\") -> list[str]:
    """Split at white space outside quotes; quotes and escapes stay in the words."""
    words: list[str] = []
    current, quote, at = "", "", 0
    while at < len(text):
        character = text[at]
        if character == escape and quote != "'" and at + 1 < len(text):
            current += text[at : at + 2]
            at += 2
            continue
        if not quote and character.isspace():
            if current:
                words.append(current)
            current = ""
        else:
            if character == quote:
                quote = ""
            elif not quote and character in "\"'":
                quote = character
            current += character
        at += 1
    return [*words, current] if current else words


class _Expander:
    """One pass over a text. `at` is where it is."""

    def __init__(self, text: str, lookup: Lookup, escape: str) -> None:
        self.text = text
        self.at = 0
        self._lookup = lookup
        self._escape = escape
        self._depth = 0

    def word(self) -> str:
        return self._until("")

    def text_only(self) -> str:
        parts: list[str] = []
        while self.at < len(self.text):
            if self.text[self.at] == "$":
                parts.append(self._variable())
                continue
            following = self.text[self.at + 1 : self.at + 2]
            if self.text[self.at] == self._escape and following and following in f"${self._escape}":
                self.at += 1
            parts.append(self.text[self.at])
            self.at += 1
        return "".join(parts)

    def _until(self, ends: str, *, keeps_escapes: bool = False) -> str:
        """Everything up to one of the characters `ends` (which is not consumed), or to the end.

        A pattern keeps its escapes, because they mean something in it.
        """
        parts: list[str] = []
        while self.at < len(self.text) and self.text[self.at] not in ends:
            if keeps_escapes and self.text[self.at] == self._escape:
                parts.append(self.text[self.at : self.at + 2])
                self.at += 2
            else:
                parts.append(self._part())
        return "".join(parts)

    def _part(self) -> str:
        character = self.text[self.at]
        if character == "'":
            return self._single_quoted()
        if character == '"':
            return self._double_quoted()
        if character == "$":
            return self._variable()
        self.at += 1
        if character == self._escape and self.at < len(self.text):
            self.at += 1
            return self.text[self.at - 1]
        return character

    def _single_quoted(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise Misspelt("unexpected end of statement while looking for matching single-quote")
        content = self.text[self.at + 1 : end]
        self.at = end + 1
        return content

    def _double_quoted(self) -> str:
        self.at += 1
        parts: list[str] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return "".join(parts)
            if character == "$":
                parts.append(self._variable())
                continue
            self.at += 1
            following = self.text[self.at : self.at + 1]
            # Inside double quotes the escape is a plain character unless it stands before one that is special there.
            if character == self._escape and following and following in f'"${self._escape}':
                character = following
                self.at += 1
            parts.append(character)
        raise Misspelt("unexpected end of statement while looking for matching double-quote")

    def _variable(self) -> str:
        self.at += 1
        if self.text.startswith("{", self.at):
            self.at += 1
            return self._braced()
        name = self._name()
        return (self._lookup(name) or "") if name else "$"

    def _name(self) -> str:
        if match := _NAME.match(self.text, self.at):
            self.at = match.end()
            return match[0]
        following = self.text[self.at : self.at + 1]
        if following and following in _SPECIAL:
            self.at += 1
            return following
        return ""

    def _braced(self) -> str:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise Misspelt("variables are nested too deeply")
        try:
            return self._substitution()
        finally:
            self._depth -= 1

    def _substitution(self) -> str:
        start = self.at
        name = self._name()
        if not name:
            raise Misspelt(f"bad substitution: ${{{self.text[start : start + 20]}")
        value = self._lookup(name)
        operator = self._operator(name)
        if operator == "}":
            return value or ""
        if operator in ("/", "//"):
            return self._replaced(value or "", every=operator == "//")
        word = self._until("}", keeps_escapes=operator[0] in "#%")
        self._close(name)
        return _modified(name, value, operator, word)

    def _operator(self, name: str) -> str:
        for operator in ("}", ":-", ":+", ":?", "-", "+", "?", "##", "#", "%%", "%", "//", "/"):
            if self.text.startswith(operator, self.at):
                self.at += len(operator)
                return operator
        rest = self.text[self.at : self.at + 2]
        if not rest:
            raise Misspelt(f"syntax error: missing '}}' after ${{{name}")
        raise Misspelt(f"unsupported modifier ({rest}) in substitution")

    def _replaced(self, value: str, *, every: bool) -> str:
        pattern = self._until("/}", keeps_escapes=True)
        replacement = ""
        if self.text.startswith("/", self.at):
            self.at += 1
            replacement = self._until("}")
        self._close("")
        found = re.compile(_glob(pattern, is_greedy=True), re.DOTALL)
        return found.sub(lambda _: replacement, value, count=0 if every else 1) if pattern else value

    def _close(self, name: str) -> None:
        if not self.text.startswith("}", self.at):
            raise Misspelt(f"syntax error: missing '}}' after ${{{name}")
        self.at += 1


def _modified(name: str, value: str | None, operator: str, word: str) -> str:
    if operator in ("#", "##", "%", "%%"):
        return _trimmed(value or "", operator, word)
    is_there = bool(value) if operator.startswith(":") else value is not None
    match operator[-1]:
        case "-":
            return (value or "") if is_there else word
        case "+":
            return word if is_there else ""
        case _:
            if is_there:
                return value or ""
            problem = word or ("is not allowed to be empty" if value is not None else "is not allowed to be unset")
            raise Misspelt(f"{name}: {problem}")


def _trimmed(value: str, operator: str, pattern: str) -> str:
    is_greedy = len(operator) == 2
    expression = _glob(pattern, is_greedy=is_greedy)
    if operator[0] == "#":
        match = re.match(expression, value, re.DOTALL)
        return value[match.end() :] if match else value
    # From the end: the shortest suffix is the match that starts last.
    starts = range(len(value) + 1) if is_greedy else range(len(value), -1, -1)
    compiled = re.compile(expression, re.DOTALL)
    return next((value[:start] for start in starts if compiled.fullmatch(value, start)), value)


def _glob(pattern: str, *, is_greedy: bool) -> str:
    """A shell pattern (`*`, `?`, backslash) as a regular expression."""
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            parts.append(".*" if is_greedy else ".*?")
        elif character == "?":
            parts.append(".")
        else:
            parts.append(re.escape(next(characters, "\\") if character == "\\" else character))
    return "".join(parts)
