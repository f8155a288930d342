"""A connection that outlives a request."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """Anything with a `close`."""

    def close(self) -> None: ...


Connection = TypeVar("Connection", bound=Closable)
Result = TypeVar("Result")


class Kept(Generic[Connection]):
    """Opened when first needed, shared by all requests, and opened again when it has broken."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._lock = Lock()
        self._kept: Connection | None = None

    def use(self, act: Callable[[Connection], Result]) -> Result:
        """Run `act` on the connection, one caller at a time; if that fails on a kept one, once more on a new one."""
        with self._lock:
            if self._kept is not None:
                try:
                    return act(self._kept)
                except OSError:
                    self._drop()
            self._kept = self._connect()
            try:
                return act(self._kept)
            except OSError:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
        self._kept = None
