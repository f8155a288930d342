"""What one run has made, and what of it has to be removed again when the run fails."""

from __future__ import annotations

from msgspec import Struct, field

from compose.errors import ComposeError, EngineUnavailable, ServiceFailed
from compose.plan.actions import CreateContainer


class Made(Struct):
    """What one run has made so far, in order, and which containers it has removed (ids)."""

    networks: list[str] = field(default_factory=list[str])
    volumes: list[str] = field(default_factory=list[str])
    containers: dict[str, CreateContainer] = field(default_factory=dict[str, CreateContainer])  # by id
    removed: set[str] = field(default_factory=set[str])

    def lifeless(self, started: set[str]) -> list[tuple[str, CreateContainer]]:
        """The containers to take back, last first: never started, and not the only heir of one that is gone."""
        return [
            (container, action)
            for container, action in reversed(self.containers.items())
            if container not in started and action.replaces not in self.removed
        ]


def is_taken_back(failure: ComposeError) -> bool:
    """Whether a failure undoes its run: not where a service failed (its dependants wait for the next `up`)."""
    return not isinstance(failure, ServiceFailed | EngineUnavailable)
