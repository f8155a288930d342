"""Variables in a text: `$NAME`, `${NAME}` and the forms with `:-`, `-`, `:+`, `+`, `:?`, `?`, which nest.

The rules are those of the Compose Specification, 12-interpolation.md; `$$` is a literal dollar sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Lookup = Callable[[str], str | None]
Notice = Callable[[str], None]

_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*)|\{(?:(?P<braced>[_a-z][_a-z0-9]*(?::?[-+?].*)?)\}|(?P<invalid>)))",
    re.IGNORECASE,
)
_BRACED = re.compile(r"([_a-z][_a-z0-9]*)(?:(:?[-+?])(.*))?", re.IGNORECASE | re.DOTALL)


class TemplateError(ValueError):
    """A text with a `${` that cannot be read, or a required variable that is not set."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def substitute(text: str, lookup: Lookup, notice: Notice) -> str:
    """Return `text` with its variables replaced.

    `notice` is called with the name of each variable that is not set and has no default. Raises `TemplateError`.
    """
    if "$" not in text:
        return text
    return _VARIABLE.sub(lambda match: _replace(match[0], text, lookup, notice), text)


def _replace(found: str, whole: str, lookup: Lookup, notice: Notice) -> str:
    # The pattern reaches to the last brace of the line; what follows the matching one is a text of its own.
    end = _closing_brace(found)
    found, rest = (found[: end + 1], found[end + 1 :]) if end >= 0 else (found, "")
    match = _VARIABLE.search(found)
    if match is None or match["invalid"] is not None:
        raise TemplateError(
            f"invalid interpolation `{whole}`", "a variable is `${NAME}`; write `$$` for a literal dollar sign"
        )
    if match["escaped"]:
        return "$"
    if match["named"]:
        return _plain(match["named"], lookup, notice)
    return _braced(match["braced"], lookup, notice) + substitute(rest, lookup, notice)


def _plain(name: str, lookup: Lookup, notice: Notice) -> str:
    value = lookup(name)
    if value is None:
        notice(name)
        return ""
    return value


def _braced(expression: str, lookup: Lookup, notice: Notice) -> str:
    match = _BRACED.fullmatch(expression)
    assert match is not None, "the outer pattern only lets such expressions through"
    name, operator, argument = match.groups()
    if operator is None:
        return _plain(name, lookup, notice)
    other = substitute(argument, lookup, notice)
    value = lookup(name)
    is_there = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return other if is_there else value or ""
    if is_there:
        return value or ""
    if operator.endswith("-"):
        return other
    reason = f": {other}" if other else ""
    raise TemplateError(
        f"required variable `{name}` is not set{reason}",
        f"export it, add `{name}=...` to .env, or give it a default: `${{{name}:-value}}`",
    )


def _closing_brace(text: str) -> int:
    """Return the index of the brace that closes the first one, or -1; a `{}` inside counts as one pair or none."""
    depth, index = 0, 0
    while index < len(text):
        if text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
        elif text[index] == "{":
            depth += 1
            index += 1
        index += 1
    return -1
