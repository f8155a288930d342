"""From method and path to handler, by one explicit table."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping

from msgspec import Struct

from engine.api.messages import Answer, Request
from engine.api.services import Services
from engine.errors import NotFound

Handler = Callable[[Services, Request], Awaitable[Answer]]

# Under which patterns are kept that begin with a placeholder.
_ANY_NOUN = "{}"
_PLACEHOLDER = re.compile(r"\{(\w+)(:path)?\}")


class Route(Struct, frozen=True):
    """`{name}` in a pattern is one part of the path; `{name:path}` may have slashes (image names)."""

    method: str
    pattern: str
    handler: Handler


class Router:
    """Finds the first route that matches, so narrow patterns stand above wide ones."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[tuple[str, str], Handler] = {}
        self._by_noun: dict[tuple[str, str], list[tuple[re.Pattern[str], Handler]]] = {}
        for route in routes:
            if "{" in route.pattern:
                entries = self._by_noun.setdefault((route.method, _noun(route.pattern)), [])
                entries.append((_compile(route.pattern), route.handler))
            else:
                self._fixed[route.method, route.pattern] = route.handler

    def match(self, method: str, path: str) -> tuple[Handler, Mapping[str, str]]:
        """The handler and the path's named parts. Raises `NotFound` as Docker words it."""
        if handler := self._fixed.get((method, path)):
            return handler, {}
        for noun in (_noun(path), _ANY_NOUN):
            for pattern, handler in self._by_noun.get((method, noun), ()):
                if match := pattern.fullmatch(path):
                    return handler, match.groupdict()
        raise NotFound("page not found")


def _noun(path: str) -> str:
    noun = path.split("/", 2)[1] if path.startswith("/") else ""
    return _ANY_NOUN if noun.startswith("{") else noun


def _compile(pattern: str) -> re.Pattern[str]:
    text = ""
    position = 0
    for match in _PLACEHOLDER.finditer(pattern):
        text += re.escape(pattern[position : match.start()])
        text += f"(?P<{match[1]}>{'.+' if match[2] else '[^/]+'})"
        position = match.end()
    return re.compile(text + re.escape(pattern[position:]))
