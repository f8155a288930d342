"""One prune of a kind at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import Conflict


class Prunes:
    """The prunes that are under way. A second one of the same noun is refused, as Docker does: both would tell of the
    same things.
    """

    def __init__(self) -> None:
        self._running: set[str] = set()

    @contextmanager
    def only_one(self, noun: str) -> Iterator[None]:
        """Keep others of `noun` (`containers`) out until the block ends. Raises `Conflict`."""
        if noun in self._running:
            raise Conflict("a prune operation is already running")
        self._running.add(noun)
        try:
            yield
        finally:
            self._running.discard(noun)
