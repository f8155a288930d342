"""The door from a command to its asynchronous part."""

from __future__ import annotations

import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import anyio

T = TypeVar("T")


def run_async(main: Callable[[], Awaitable[T]]) -> T:
    """Run it to its end and return its result. Raises `KeyboardInterrupt` once it has been cancelled by a signal."""
    with _ending_alike(signal.SIGTERM, signal.SIGHUP):
        return anyio.run(main)


@contextmanager
def _ending_alike(*signals: signal.Signals) -> Iterator[None]:
    """Let these do what Ctrl-C does, unless somebody has other plans with them (`nohup`)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in signals if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    on_interrupt = signal.getsignal(signal.SIGINT)
    if not callable(on_interrupt):
        # Shells have what they start in the background ignore Ctrl-C, but not what `kill` sends.
        raise KeyboardInterrupt
    on_interrupt(number, frame)
