"""The door from a command to its asynchronous part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


def run_async(main: Callable[[], Awaitable[T]]) -> T:
    """Run it to its end and return its result."""
    return anyio.run(main)
