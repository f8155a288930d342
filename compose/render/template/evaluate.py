"""Evaluates a parsed template over a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from compose.render.template.errors import TemplateError
from compose.render.template.functions import FUNCTIONS, truth
from compose.render.template.nodes import (
    Body,
    Branch,
    Command,
    Constant,
    Function,
    Leave,
    Operand,
    Path,
    Pipeline,
    Print,
    Text,
)
from compose.render.template.parse import Template
from compose.render.template.values import Record, Value, field_of, printed

_NOTHING = object()


class _Left(Exception):  # not an error: how `break` and `continue` leave their bodies
    def __init__(self, keyword: str) -> None:
        self.keyword = keyword


def render(template: Template, data: Value, functions: Mapping[str, Callable[..., Value]] = FUNCTIONS) -> str:
    """Print `data` by the template; raises `TemplateError` if it asks for what is not there."""
    evaluation = _Evaluation(functions, data)
    evaluation.body(template.body, data)
    return "".join(evaluation.output)


class _Evaluation:
    """Output so far, and the variables in sight, the innermost last."""

    def __init__(self, functions: Mapping[str, Callable[..., Value]], data: Value) -> None:
        self._functions = functions
        self._variables: list[tuple[str, Value]] = [("$", data)]
        self.output: list[str] = []

    def body(self, body: Body, dot: Value) -> None:
        outer = len(self._variables)
        try:
            for node in body:
                match node:
                    case Text():
                        self.output.append(node.text)
                    case Print():
                        self._print(node.pipeline, dot)
                    case Branch():
                        self._branch(node, dot)
                    case Leave():
                        raise _Left(node.keyword)
        finally:
            del self._variables[outer:]

    def _print(self, pipeline: Pipeline, dot: Value) -> None:
        value = self._pipeline(pipeline, dot)
        if not pipeline.variables:
            self.output.append(printed(value))

    def _branch(self, node: Branch, dot: Value) -> None:
        outer = len(self._variables)
        try:
            if node.keyword == "range":
                self._range(node, dot)
                return
            value = self._pipeline(node.pipeline, dot)
            inner = value if node.keyword == "with" else dot
            self.body(node.body, inner) if truth(value) else self.body(node.otherwise, dot)
        finally:
            del self._variables[outer:]

    def _range(self, node: Branch, dot: Value) -> None:
        bare = Pipeline(node.pipeline.commands)
        items = list(_items(self._pipeline(bare, dot)))
        for key, value in items:
            outer = len(self._variables)
            names = node.pipeline.variables
            given = (key, value) if len(names) > 1 else (value,)
            for name, item in zip(names, given, strict=False):
                self._assign(name, item, declares=node.pipeline.declares)
            try:
                self.body(node.body, value)
            except _Left as left:
                if left.keyword == "break":
                    return
            finally:
                if node.pipeline.declares:
                    del self._variables[outer:]
        if not items:
            self.body(node.otherwise, dot)

    def _pipeline(self, pipeline: Pipeline, dot: Value) -> Value:
        value: Value = _NOTHING
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        for name in pipeline.variables:
            self._assign(name, value, declares=pipeline.declares)
        return value

    def _assign(self, name: str, value: Value, *, declares: bool) -> None:
        if declares:
            self._variables.append((name, value))
            return
        for place in reversed(range(len(self._variables))):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return
        raise TemplateError(f"the variable `{name}` is not declared")

    def _command(self, command: Command, dot: Value, last: Value) -> Value:
        first, *words = command.words
        if isinstance(first, Function):
            if first.name in ("and", "or"):
                return self._short_circuit(first.name, words, dot, last)
            called: Value = self._functions[first.name]
        else:
            called = self._operand(first, dot)
            if not callable(called):
                if words or last is not _NOTHING:
                    raise TemplateError(f"{printed(called)} takes no arguments")
                return called
        arguments = [self._value(word, dot) for word in words]
        return _called(called, first, arguments if last is _NOTHING else [*arguments, last])

    def _short_circuit(self, name: str, words: list[Operand], dot: Value, last: Value) -> Value:
        value: Value = _NOTHING
        for word in words:
            value = self._value(word, dot)
            if truth(value) == (name == "or"):
                return value
        if last is not _NOTHING:
            return last
        if value is _NOTHING:
            raise TemplateError(f"`{name}` needs arguments")
        return value

    def _value(self, word: Operand, dot: Value) -> Value:
        """An operand that is an argument: what can be called without arguments is."""
        value = self._functions[word.name] if isinstance(word, Function) else self._operand(word, dot)
        return _called(value, word, []) if callable(value) else value

    def _operand(self, word: Constant | Path | Function, dot: Value) -> Value:
        if isinstance(word, Constant):
            return word.value
        assert isinstance(word, Path)
        if isinstance(word.start, Pipeline):
            value = self._pipeline(word.start, dot)
        else:
            value = self._variable(word.start) if word.start else dot
        for name in word.fields:
            value = field_of(value, name, word.source)
        return value

    def _variable(self, name: str) -> Value:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise TemplateError(f"the variable `{name}` is not declared")


def _called(function: Callable[..., Value], word: Operand, arguments: list[Value]) -> Value:
    name = word.name if isinstance(word, Function) else ".".join(word.fields) if isinstance(word, Path) else ""
    try:
        return function(*arguments)
    except (TypeError, AttributeError, ValueError, IndexError) as error:
        given = " ".join(map(printed, arguments)) or "no arguments"
        raise TemplateError(f"`{name}` cannot be called with {given}") from error


def _items(value: Value) -> Iterator[tuple[Value, Value]]:
    match value:
        case None:
            return
        case list() | tuple():
            yield from enumerate(value)
        case Record():
            raise TemplateError(f"range over {printed(value)}, which is not a list")
        case Mapping():
            yield from ((key, value[key]) for key in sorted(value))
        case bool() | str() | float():
            raise TemplateError(f"range over {printed(value)}, which is not a list")
        case int():
            yield from ((number, number) for number in range(value))
        case _:
            raise TemplateError(f"range over {printed(value)}, which is not a list")
