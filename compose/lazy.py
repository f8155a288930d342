"""Regular expressions that are compiled when they are first used.

A short command needs few of those that its modules have, and compiling all of them at import would take a tenth of its
time.
"""

from __future__ import annotations

import re
from typing import Any, cast

_compile = re.compile  # also while others put `LazyPattern` in its place


def lazy_pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile(text, flags)` returns, but for `isinstance`; a mistake in `text` shows at its first use."""
    return cast("re.Pattern[str]", LazyPattern(text, flags))


class LazyPattern:
    """Has the methods of the pattern, each of them fetched once."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __getattr__(self, name: str) -> Any:
        # re keeps what it has compiled last, so several methods cost one compilation.
        value = getattr(_compile(*self._arguments), name)
        setattr(self, name, value)
        return value
