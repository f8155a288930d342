"""When handlers of signals may run.

A handler of Python's, as the one for Ctrl-C, runs between any two instructions, and what it raises breaks off whatever
is going on there: a socket that is registered nowhere yet, a parser that takes it for an error of its own.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Final

# Those that end a command.
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], Any]


class Interrupts:
    """Holds back handlers of signals, but where they are let in."""

    def __init__(self) -> None:
        self._held: list[tuple[_Handler, int]] = []
        self._is_open = False

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Run none in this block; what was held back runs at its end, in place of what the block raises or not."""
        handlers = {}
        if threading.current_thread() is threading.main_thread():
            handlers = {number: handler for number in _ENDING if callable(handler := signal.getsignal(number))}
        try:
            for number, handler in handlers.items():
                signal.signal(number, partial(self._take, handler))
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._run()

    @contextmanager
    def let_in(self) -> Iterator[None]:
        """Run those that were held back, and those to come as they come."""
        self._is_open = True
        try:
            self._run()
            yield
        finally:
            self._is_open = False

    def _take(self, handler: _Handler, number: int, frame: FrameType | None) -> None:
        self._held.append((handler, number))
        if self._is_open:
            self._run()

    def _run(self) -> None:
        while self._held:
            handler, number = self._held.pop(0)
            handler(number, None)
