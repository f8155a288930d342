"""PyYAML, without the cost of what is not used of it.

libyaml reads our files. PyYAML's own reader and resolver, which nearly nobody needs then, compile a dozen regular
expressions when they are imported, one of them over all of Unicode: 12 ms, a tenth of what a command takes. Here they
are compiled when they are first used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from compose.lazy import LazyPattern

__all__ = ["yaml"]


@contextmanager
def _compiling_later() -> Iterator[None]:
    compile_now = re.compile
    re.compile = LazyPattern  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        re.compile = compile_now


with _compiling_later():
    import yaml
