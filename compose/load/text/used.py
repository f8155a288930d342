"""The variables that a document uses, as far as their expressions tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from compose.lazy import lazy_pattern
from compose.load.text.template import VARIABLE, closing_brace

_NAME = lazy_pattern(r"[a-zA-Z0-9_]*")
# Operator -> the attribute of a variable that its text is.
_OPERATORS = {
    ":?": "required",
    "?": "required",
    ":-": "default_value",
    "-": "default_value",
    ":+": "presence_value",
    "+": "presence_value",
}


class UsedVariable(msgspec.Struct, frozen=True):
    """A variable, what stands for it when it has no value, and what when it has one."""

    name: str
    default_value: str = ""
    presence_value: str = ""
    required: bool = False


def used_variables(document: Any) -> dict[str, UsedVariable]:
    """Return the variables in the values of a document that was not interpolated, by name.

    Of one that is used several times the last use counts.
    """
    return {variable.name: variable for text in _texts(document) for variable in _used(text)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _used(text: str) -> Iterator[UsedVariable]:
    for match in VARIABLE.finditer(text):
        if match["escaped"]:
            continue
        expression = match["named"] or match["braced"] or ""
        # The pattern reaches to the last brace of the line, and further than the variable if more follow.
        end = -1 if match["named"] else closing_brace(match[0])
        if end > 0:
            expression = match[0][2:end]
            yield from _used(match[0][end + 1 :])
        variable = _variable(expression)
        yield variable
        yield from _used(variable.default_value)
        yield from _used(variable.presence_value)


def _variable(expression: str) -> UsedVariable:
    found = _NAME.match(expression)
    name = found[0] if found else ""
    rest = expression[len(name) :]
    if not name:
        return UsedVariable(expression)
    operator = next((operator for operator in _OPERATORS if rest.startswith(operator)), "")
    match _OPERATORS.get(operator):
        case "required":
            return UsedVariable(name, required=True)
        case "default_value":
            return UsedVariable(name, default_value=rest.removeprefix(operator))
        case "presence_value":
            return UsedVariable(name, presence_value=rest.removeprefix(operator))
        case _:
            return UsedVariable(name)
