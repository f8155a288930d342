"""What becomes of the rest of a plan when a step fails: it is called off, once all refused images are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from compose.plan.actions import Action, PullImage

# How long a registry may take to say whether it has an image, once another image has been refused.
_PATIENCE_SECONDS: Final = 10.0


class CallingOff:
    """The steps that are done now, each called off by itself.

    Who has misspelt two images wants to be told of both. So when an image is refused, pulls that may still be refused
    go on until their registry has answered; then they end as well, like everything else at once.
    """

    def __init__(self) -> None:
        self._steps: set[anyio.CancelScope] = set()
        self._unanswered: dict[str, anyio.CancelScope] = {}
        self.is_off = False
        self._last_moment = -math.inf  # of pulls without an answer, once it is off

    @contextmanager
    def doing(self, action: Action) -> Iterator[anyio.CancelScope]:
        """Do the block unless and until it is called off, which is no error: the scope tells."""
        with anyio.CancelScope() as scope:
            self._steps.add(scope)
            if isinstance(action, PullImage):
                self._unanswered[action.image] = scope
            if self.is_off:
                self._end(scope)
            try:
                yield scope
            finally:
                self._steps.discard(scope)
                if isinstance(action, PullImage):
                    self._unanswered.pop(action.image, None)

    def answered(self, image: str) -> None:
        """Take note that the image is there, and comes."""
        scope = self._unanswered.pop(image, None)
        if scope and self.is_off:
            scope.cancel()

    def off(self, because: Action) -> None:
        """Call off the rest because this has failed."""
        if not self.is_off and isinstance(because, PullImage):
            self._last_moment = anyio.current_time() + _PATIENCE_SECONDS
        self.is_off = True
        for scope in self._steps:
            self._end(scope)

    def _end(self, scope: anyio.CancelScope) -> None:
        scope.deadline = self._last_moment if scope in self._unanswered.values() else -math.inf
