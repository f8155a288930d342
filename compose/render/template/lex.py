"""Cuts a template into text and the tokens of its actions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from compose.lazy import lazy_pattern
from compose.render.template.errors import TemplateError

_COMMENT = lazy_pattern(r"/\*.*?\*/(\s-)?\}\}", re.DOTALL)
_TOKEN = lazy_pattern(
    r"""
      (?P<close> (?:\s+-)? \}\} )
    | (?P<space> \s+ )
    | (?P<text> "(?:\\.|[^"\\\n])*" | `[^`]*` )
    | (?P<character> '(?:\\.[^'\n]*|[^'\\\n])' )
    | (?P<number> [+-]? (?: 0[xX][\da-fA-F_]+ | 0[bB][01_]+ | 0[oO][0-7_]+
                          | (?: \d[\d_]*(?:\.\d*)? | \.\d+ ) (?:[eE][+-]?\d+)? ) (?!\w) )
    | (?P<field> \.[^\W\d]\w* )
    | (?P<dot> \. )
    | (?P<variable> \$\w* )
    | (?P<word> [^\W\d]\w* )
    | (?P<sign> := | [=|(),] )
    """,
    re.VERBOSE,
)


class Token(Struct, frozen=True):
    """`spaced` tells whether white space stands before it, which separates the words of a command."""

    kind: str
    text: str
    spaced: bool


class Action(Struct, frozen=True):
    """What stands between `{{` and `}}`; `source` is for messages."""

    tokens: tuple[Token, ...]
    source: str


def pieces(template: str) -> Iterator[str | Action]:
    """Yield the texts, trimmed as their neighbours ask for, and the actions.

    Raises `TemplateError` for an action that does not end or has a character that means nothing.
    """
    position, trim = 0, False
    while True:
        start = template.find("{{", position)
        text = template[position:] if start < 0 else template[position:start]
        text = text.lstrip() if trim else text
        if start < 0:
            yield text
            return
        inner = start + 2
        if re.match(r"-\s", template[inner:]):
            text, inner = text.rstrip(), inner + 1
        yield text
        comment = _COMMENT.match(template, inner + len(template[inner:]) - len(template[inner:].lstrip()))
        if comment:
            position, trim = comment.end(), bool(comment[1])
            continue
        tokens, position, trim = _tokens(template, inner)
        yield Action(tokens, template[start:position])


def _tokens(template: str, position: int) -> tuple[tuple[Token, ...], int, bool]:
    """The tokens up to the end of the action, where the text goes on, and whether its white space is trimmed."""
    tokens: list[Token] = []
    spaced = False
    start = position
    while found := _TOKEN.match(template, position):
        position = found.end()
        kind = found.lastgroup or ""
        if kind == "close":
            return tuple(tokens), position, "-" in found[0]
        if kind != "space":
            tokens.append(Token(kind, found[0], spaced))
        spaced = kind == "space"
    if position >= len(template):
        raise TemplateError(f"`{{{{{template[start:]}` has no `}}}}`")
    raise TemplateError(f"`{template[position : position + 10]}` is not expected in an action")
