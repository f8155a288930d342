"""PyYAML, without the cost of what is not used of it.

libyaml reads our files. PyYAML's own reader and resolver, which nearly nobody needs then, compile a dozen regular
expressions when they are imported, one of them over all of Unicode: 12 ms, a tenth of what a command takes. Here they
are compiled when they are first used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

__all__ = ["yaml"]


class _Pattern:
    """What `re.compile` would have returned, compiled at its first use."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    @cached_property
    def _compiled(self) -> re.Pattern[Any]:
        return re.compile(*self._arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compiled, name)


@contextmanager
def _compiling_later() -> Iterator[None]:
    compile_now = re.compile
    re.compile = _Pattern  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        re.compile = compile_now


with _compiling_later():
    import yaml
