"""What a template is made of, once parsed."""

from __future__ import annotations

from dataclasses import dataclass

Literal = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Text:
    """Copied to the output as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal: text, number, `true`, `false` or `nil`."""

    value: Literal


@dataclass(frozen=True, slots=True)
class Path:
    """`.Name.First`, `$item.Name`, `(pipeline).Name`: fields of a start, which is the dot, a variable or a pipeline."""

    start: str | Pipeline  # "" is the dot, "$…" a variable
    fields: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Function:
    """The name of a function, as the first word of a command."""

    name: str


Operand = Constant | Path | Function


@dataclass(frozen=True, slots=True)
class Command:
    """Words: the first is called with the others, if it can be called."""

    words: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`$x := command | command`; each command gets the last one's value as its last argument."""

    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    declares: bool = True


@dataclass(frozen=True, slots=True)
class Print:
    """`{{pipeline}}`"""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `with` and `range`, by `keyword`, with what follows `else`."""

    keyword: str
    pipeline: Pipeline
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Leave:
    """`break` or `continue`, by `keyword`."""

    keyword: str


Node = Text | Print | Branch | Leave
Body = tuple[Node, ...]
