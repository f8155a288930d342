"""Signals that end a command as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_alike() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, unless somebody has other plans with them (`nohup`)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def leave_at_once(code: int) -> None:
    """Let them end the process from now on: what it answers is decided, and only its output may still be on its way."""
    for number in ENDING:
        if callable(signal.getsignal(number)):
            signal.signal(number, lambda *_: os._exit(code))


def _interrupt(number: int, frame: FrameType | None) -> None:
    on_interrupt = signal.getsignal(signal.SIGINT)
    if not callable(on_interrupt):
        # Shells have what they start in the background ignore Ctrl-C, but not what `kill` sends.
        raise KeyboardInterrupt
    on_interrupt(number, frame)
