"""Reporting acts while they are carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from compose.apply.refusals import refusals
from compose.errors import ComposeError
from compose.plan.actions import Deed
from compose.plan.telling.progress import Phase, Report, Update


class Teller:
    """Reports what becomes of resources, and remembers which have failed."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._failed: set[str] = set()

    @contextmanager
    def telling(self, deed: Deed, fine: tuple[int, ...] = ()) -> Iterator[None]:
        """Report that it is being done, do the block, report that it is done; refusals are named after the act.

        The engine's statuses in `fine` are none.
        """
        words = deed.words
        self.say(words.resource, words.verb.doing, Phase.WORKING)
        with self.failing(words.resource, words.undertaking, fine):
            yield
        self.say(words.resource, words.verb.done)

    @contextmanager
    def failing(self, resource: str, undertaking: str, fine: tuple[int, ...] = ()) -> Iterator[None]:
        """Do the block; if it fails, report that, and name refusals after the undertaking."""
        try:
            with refusals(undertaking, fine=fine):
                yield
        except ComposeError:
            self.say(resource, "Error", Phase.FAILED)
            raise

    def say(self, resource: str, state: str, phase: Phase = Phase.DONE, detail: str = "") -> None:
        """Report a change of a resource."""
        if phase is Phase.FAILED:
            self._failed.add(resource)
        self.report(Update(resource, state, phase, detail))

    def warn(self, name: str, warnings: Sequence[str]) -> None:
        """Report what the engine warns of: beside what becomes of the resource, which would take its place."""
        for warning in warnings:
            self.say(name, "Warning", Phase.WARNING, warning)

    def taken_back(self, resource: str) -> None:
        """Report that what was made is removed again; what has failed goes on being shown as such."""
        if resource not in self._failed:
            self.say(resource, "Removed")
