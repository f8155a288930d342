"""Variables in a text: `$NAME`, `${NAME}` and the forms with `:-`, `-`, `:+`, `+`, `:?`, `?`, which nest.

The rules are those of the Compose Specification, 12-interpolation.md; `$$` is a literal dollar sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from compose.lazy import lazy_pattern

Lookup = Callable[[str], str | None]
Notice = Callable[[str], None]

MAX_DEPTH = 50
_LONGEST_SHOWN = 200

VARIABLE = lazy_pattern(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*)|\{(?:(?P<braced>[_a-z][_a-z0-9]*(?::?[-+?].*)?)\}|(?P<invalid>)))",
    re.IGNORECASE,
)
_BRACED = lazy_pattern(r"([_a-z][_a-z0-9]*)(?:(:?[-+?])(.*))?", re.IGNORECASE | re.DOTALL)


class TemplateError(ValueError):
    """A text with a `${` that cannot be read, or a required variable that is not set; `part` is its text."""

    def __init__(self, message: str, hint: str, part: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.part = part


def substitute(text: str, lookup: Lookup, notice: Notice) -> str:
    """Return `text` with its variables replaced.

    `notice` is called with the name of each variable that is not set and has no default. Raises `TemplateError`.
    """
    return _Substitution(lookup, notice).apply(text, 0)


class _Substitution:
    def __init__(self, lookup: Lookup, notice: Notice) -> None:
        self._lookup = lookup
        self._notice = notice

    def apply(self, text: str, depth: int) -> str:
        if "$" not in text:
            return text
        if depth > MAX_DEPTH:
            raise TemplateError(f"variables are nested more than {MAX_DEPTH} levels deep", "set them one by one")
        parts: list[str] = []
        position = 0
        while (match := VARIABLE.search(text, position)) is not None:
            # The pattern reaches to the last brace of the line, and further than the variable if more follow.
            end = closing_brace(match[0])
            found = match[0][: end + 1] if end >= 0 else match[0]
            parts += (text[position : match.start()], self._replace(found, text, depth))
            position = match.start() + len(found)
        return "".join((*parts, text[position:]))

    def _replace(self, found: str, whole: str, depth: int) -> str:
        match = VARIABLE.match(found)
        if match is None or match["invalid"] is not None:
            raise TemplateError(
                f"invalid interpolation `{whole if len(whole) <= _LONGEST_SHOWN else f'{whole[:_LONGEST_SHOWN]}…'}`",
                "a variable is `${NAME}`; write `$$` for a literal dollar sign",
                part="${",
            )
        if match["escaped"]:
            return "$"
        return self._plain(match["named"]) if match["named"] else self._braced(match["braced"], depth)

    def _plain(self, name: str) -> str:
        value = self._lookup(name)
        if value is None:
            self._notice(name)
            return ""
        return value

    def _braced(self, expression: str, depth: int) -> str:
        match = _BRACED.fullmatch(expression)
        assert match is not None, "the outer pattern only lets such expressions through"
        name, operator, argument = match.groups()
        if operator is None:
            return self._plain(name)
        other = self.apply(argument, depth + 1)  # also when it is not needed: what is wrong with it is an error
        value = self._lookup(name)
        is_there = value is not None and (value != "" or not operator.startswith(":"))
        if operator.endswith("+"):
            return other if is_there else value or ""
        if is_there:
            return value or ""
        if operator.endswith("-"):
            return other
        reason = f": {other}" if other else ""
        raise TemplateError(
            f"required variable `{name}` is {'not set' if value is None else 'empty'}{reason}",
            f"export it, add `{name}=...` to .env, or give it a default: `${{{name}:-value}}`",
            part=f"${{{expression}}}",
        )


def closing_brace(text: str) -> int:
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
