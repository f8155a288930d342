"""Ending blocking work from another thread: pauses end at once, sockets that are being read are shut down."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from engine.errors import EngineError


class Interrupted(EngineError):
    """The work was called off; nobody waits for its result any more."""


class Interrupt:
    """One piece of blocking work that can be called off. `trigger` is for any thread, the rest for the worker."""

    def __init__(self) -> None:
        self._called_off = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    def trigger(self) -> None:
        """Call the work off: it raises `Interrupted` at its next step."""
        with self._lock:
            self._called_off.set()
            for waiting in self._sockets:
                with contextlib.suppress(OSError):  # the peer was faster
                    waiting.shutdown(socket.SHUT_RDWR)

    @property
    def is_triggered(self) -> bool:
        """Whether the work was called off."""
        return self._called_off.is_set()

    def check(self) -> None:
        """Raise `Interrupted` if the work was called off."""
        if self._called_off.is_set():
            raise Interrupted("called off")

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the work is called off, which raises `Interrupted`."""
        if self._called_off.wait(seconds):
            raise Interrupted("called off")

    @contextlib.contextmanager
    def watching(self, connection: socket.socket | None) -> Iterator[None]:
        """While the block lasts, calling off the work wakes whoever reads this socket."""
        if connection is None:
            yield
            return
        with self._lock:
            self._sockets.add(connection)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._sockets.discard(connection)
