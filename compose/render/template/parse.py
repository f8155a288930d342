"""Parses a template into its nodes."""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct

from compose.lazy import lazy_pattern
from compose.render.template.errors import TemplateError
from compose.render.template.lex import Action, Token, pieces
from compose.render.template.nodes import (
    Body,
    Branch,
    Command,
    Constant,
    Function,
    Leave,
    Literal,
    Node,
    Operand,
    Path,
    Pipeline,
    Print,
    Text,
)

_CONSTANTS: dict[str, Literal] = {"true": True, "false": False, "nil": None}
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = lazy_pattern(r"\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)


class Template(Struct, frozen=True):
    """A parsed template; `fields` are the names after dots, to know what has to be found out."""

    body: Body
    fields: frozenset[str]


def parse(text: str, functions: Collection[str]) -> Template:
    """Parse `text`, in which the functions of these names may be called; raises `TemplateError`."""
    parser = _Bodies(tuple(pieces(text)), functions)
    return Template(parser.template(), frozenset(parser.fields))


class _Bodies:
    """Texts and actions to nodes."""

    def __init__(self, parts: tuple[str | Action, ...], functions: Collection[str]) -> None:
        self._parts = parts
        self._next = 0
        self._functions = functions
        self._loops = 0
        self.fields: set[str] = set()

    def template(self) -> Body:
        body, ended = self._body("")
        if ended:
            raise TemplateError(f"`{{{{{ended}}}}}` belongs to no `if`, `with` or `range`")
        return body

    def _body(self, of: str) -> tuple[Body, str]:
        """The nodes up to the action that ends them: its text is `end`, or begins with `else`."""
        nodes: list[Node] = []
        while self._next < len(self._parts):
            part = self._parts[self._next]
            self._next += 1
            if isinstance(part, str):
                nodes += [Text(part)] if part else []
                continue
            keyword = part.tokens[0].text if part.tokens and part.tokens[0].kind == "word" else ""
            if keyword in ("end", "else"):
                return tuple(nodes), " ".join(token.text for token in part.tokens)
            nodes.append(self._node(keyword, part))
        if of:
            raise TemplateError(f"`{{{{{of} ...}}}}` has no `{{{{end}}}}`")
        return tuple(nodes), ""

    def _node(self, keyword: str, action: Action) -> Node:
        if keyword in ("if", "with", "range"):
            return self._branch(keyword, action.tokens[1:], action.source)
        if keyword in ("break", "continue"):
            if len(action.tokens) > 1 or not self._loops:
                raise TemplateError(f"`{action.source}` stands alone, inside of a `range`")
            return Leave(keyword)
        if keyword in ("define", "template", "block"):
            raise TemplateError(f"`{keyword}` is of no use here, because there is one template only")
        return Print(self._pipeline(action.tokens, action.source, pair=False))

    def _branch(self, keyword: str, tokens: tuple[Token, ...], source: str) -> Branch:
        pipeline = self._pipeline(tokens, source, pair=keyword == "range")
        self._loops += keyword == "range"
        body, ended = self._body(keyword)
        self._loops -= keyword == "range"
        otherwise: Body = ()
        if ended.startswith("else "):
            # `else if` and `else with` share the `end` of what they belong to.
            action = self._parts[self._next - 1]
            assert isinstance(action, Action)
            inner = action.tokens[1].text
            if inner != keyword or keyword == "range":
                raise TemplateError(f"`{action.source}` does not belong to `{keyword}`")
            return Branch(keyword, pipeline, body, (self._branch(inner, action.tokens[2:], action.source),))
        if ended == "else":
            otherwise, ended = self._body(keyword)
        if ended != "end":
            raise TemplateError(f"`{{{{{ended}}}}}` where `{{{{end}}}}` of `{keyword}` is expected")
        return Branch(keyword, pipeline, body, otherwise)

    def _pipeline(self, tokens: tuple[Token, ...], source: str, *, pair: bool) -> Pipeline:
        words = _Words(tokens, source, self._functions)
        pipeline = words.action(pair=pair)
        self.fields |= words.fields
        return pipeline


class _Words:
    """The tokens of one action to a pipeline."""

    def __init__(self, tokens: tuple[Token, ...], source: str, functions: Collection[str]) -> None:
        self._tokens = tokens
        self._source = source
        self._functions = functions
        self._next = 0
        self.fields: set[str] = set()

    def action(self, *, pair: bool) -> Pipeline:
        variables, declares = self._declaration(pair=pair)
        pipeline = self._pipeline(variables, declares=declares)
        if self._next < len(self._tokens):
            raise self._unexpected()
        return pipeline

    def _declaration(self, *, pair: bool) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =`, and `$i, $x :=` of a range."""
        texts = [token.text for token in self._tokens[:4]]
        kinds = [token.kind for token in self._tokens[:4]]
        if texts[1:2] in ([":="], ["="]) and kinds[0] == "variable":
            self._next = 2
            return (texts[0],), texts[1] == ":="
        if pair and texts[1:2] == [","] and kinds[0] == kinds[2] == "variable" and texts[3] in (":=", "="):
            self._next = 4
            return (texts[0], texts[2]), texts[3] == ":="
        return (), True

    def _pipeline(self, variables: tuple[str, ...], *, declares: bool) -> Pipeline:
        commands = [self._command()]
        while self._take("|"):
            commands.append(self._command())
        for command in commands[1:]:
            if isinstance(command.words[0], Constant):
                raise TemplateError(f"`{self._source}`: a value cannot take what is before `|`")
        return Pipeline(tuple(commands), variables, declares)

    def _command(self) -> Command:
        words: list[Operand] = []
        while self._next < len(self._tokens) and self._tokens[self._next].text not in ("|", ")"):
            if words and not self._tokens[self._next].spaced:
                raise self._unexpected()
            words.append(self._operand())
        if not words:
            raise TemplateError(f"`{self._source}`: a value is missing")
        if words[0] == Constant(None) and len(words) == 1:
            raise TemplateError(f"`{self._source}`: nil is not a command")
        return Command(tuple(words))

    def _operand(self) -> Operand:
        token = self._tokens[self._next]
        self._next += 1
        match token.kind:
            case "text":
                return Constant(_unquoted(token.text))
            case "character":
                return Constant(ord(_unquoted(token.text)))
            case "number":
                return Constant(_number(token.text))
            case "field":
                return self._path("", token.text[1:])
            case "dot":
                return Path("", (), self._source)
            case "variable":
                return self._path(token.text)
            case "word":
                return self._word(token.text)
            case _:
                return self._parenthesis(token)

    def _parenthesis(self, token: Token) -> Operand:
        if token.text == "(":
            inner = self._pipeline((), declares=True)
            if not self._take(")"):
                raise TemplateError(f"`{self._source}`: a `)` is missing")
            return self._path(inner)
        self._next -= 1
        raise self._unexpected()

    def _word(self, name: str) -> Operand:
        if name in _CONSTANTS:
            return Constant(_CONSTANTS[name])
        if name not in self._functions:
            raise TemplateError(f"`{self._source}`: there is no function `{name}`")
        return Function(name)

    def _path(self, start: str | Pipeline, *fields: str) -> Path:
        """A start with its first fields, and those that follow it without white space."""
        names = list(fields)
        while self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind != "field" or token.spaced:
                break
            names.append(token.text[1:])
            self._next += 1
        self.fields.update(names)
        return Path(start, tuple(names), self._source)

    def _take(self, text: str) -> bool:
        found = self._next < len(self._tokens) and self._tokens[self._next].text == text
        self._next += found
        return found

    def _unexpected(self) -> TemplateError:
        return TemplateError(f"`{self._source}`: `{self._tokens[self._next].text}` is not expected here")


def _number(text: str) -> int | float:
    digits = text.replace("_", "")
    if re.fullmatch(r"[+-]?0\d+", digits):
        return int(digits, 8)  # as in Go and C
    try:
        return int(digits, 0)
    except ValueError:
        return float(digits)


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    return inner if text[0] == "`" else _ESCAPE.sub(_escape, inner)


def _escape(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code.isdigit():
        return chr(int(code, 8))
    return _ESCAPES.get(code, code)
