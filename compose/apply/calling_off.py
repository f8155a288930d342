"""Cancelling the rest of a plan when a step fails, but not before all images that fail are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from compose.plan.actions import Action, BuildImage, PullImage

# How long a registry may take to say whether it has an image, once another image has been refused.
_PATIENCE_SECONDS: Final = 10.0


class CallingOff:
    """The steps that are done now, each called off by itself.

    Who has misspelt two images wants to be told of both. So when an image is refused, pulls that may still be refused
    go on until their registry has answered; then they end as well, like everything else at once. When a build fails,
    other builds go on to their ends: what they make is kept, so that the next run begins where they are.
    """

    def __init__(self) -> None:
        self._steps: dict[anyio.CancelScope, Action] = {}
        self._unanswered: dict[str, anyio.CancelScope] = {}
        self.is_off = False
        self._spares_builds = True
        self._last_moment = -math.inf  # of pulls without an answer, once it is off

    @contextmanager
    def doing(self, action: Action) -> Iterator[anyio.CancelScope]:
        """Do the block unless and until it is called off, which is no error: the scope tells."""
        with anyio.CancelScope() as scope:
            self._steps[scope] = action
            if isinstance(action, PullImage):
                self._unanswered[action.image] = scope
            if not self.allows(action):
                self._end(scope)
            try:
                yield scope
            finally:
                del self._steps[scope]
                if isinstance(action, PullImage):
                    self._unanswered.pop(action.image, None)

    def answered(self, image: str) -> None:
        """Take note that the image is there, and comes."""
        scope = self._unanswered.pop(image, None)
        if scope and self.is_off:
            scope.cancel()

    def allows(self, action: Action) -> bool:
        """Whether this may begin, or go on."""
        return not self.is_off or (self._spares_builds and isinstance(action, BuildImage))

    def off(self, because: Action) -> None:
        """Call off the rest because this has failed."""
        self._spares_builds = self._spares_builds and isinstance(because, BuildImage)
        if not self.is_off and isinstance(because, PullImage):
            self._last_moment = anyio.current_time() + _PATIENCE_SECONDS
        self.is_off = True
        for scope, action in self._steps.items():
            if not self.allows(action):
                self._end(scope)

    def _end(self, scope: anyio.CancelScope) -> None:
        scope.deadline = self._last_moment if scope in self._unanswered.values() else -math.inf
