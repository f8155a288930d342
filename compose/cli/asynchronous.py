"""The door from a command to its asynchronous part."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from compose.cli.signals import ending_alike

T = TypeVar("T")


def run_async(main: Callable[[], Awaitable[T]]) -> T:
    """Run it to its end and return its result. Raises `KeyboardInterrupt` once it has been cancelled by a signal."""
    with ending_alike(signal.SIGTERM, signal.SIGHUP):
        return anyio.run(main)
