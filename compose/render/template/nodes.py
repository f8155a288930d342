"""What a template is made of, once parsed."""

from __future__ import annotations

from msgspec import Struct

Literal = str | int | float | bool | None


class Text(Struct, frozen=True):
    """Copied to the output as it is."""

    text: str


class Constant(Struct, frozen=True):
    """A literal: text, number, `true`, `false` or `nil`."""

    value: Literal


class Path(Struct, frozen=True):
    """`.Name.First`, `$item.Name`, `(pipeline).Name`: fields of a start, which is the dot, a variable or a pipeline."""

    start: str | Pipeline  # "" is the dot, "$…" a variable
    fields: tuple[str, ...]
    source: str


class Function(Struct, frozen=True):
    """The name of a function, as the first word of a command."""

    name: str


Operand = Constant | Path | Function


class Command(Struct, frozen=True):
    """Words: the first is called with the others, if it can be called."""

    words: tuple[Operand, ...]


class Pipeline(Struct, frozen=True):
    """`$x := command | command`; each command gets the last one's value as its last argument."""

    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    declares: bool = True


class Print(Struct, frozen=True):
    """`{{pipeline}}`"""

    pipeline: Pipeline


class Branch(Struct, frozen=True):
    """`if`, `with` and `range`, by `keyword`, with what follows `else`."""

    keyword: str
    pipeline: Pipeline
    body: Body
    otherwise: Body


class Leave(Struct, frozen=True):
    """`break` or `continue`, by `keyword`."""

    keyword: str


Node = Text | Print | Branch | Leave
Body = tuple[Node, ...]
