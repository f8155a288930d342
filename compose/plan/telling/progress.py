"""The progress of a plan: messages that `apply` sends and `render` shows."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from msgspec import Struct


class Phase(Enum):
    """How far a resource is."""

    WORKING = "working"
    DONE = "done"
    WARNING = "warning"
    FAILED = "failed"


class Update(Struct, frozen=True):
    """One change of one resource (`Container shop-db-1`) to a state (`Started`); sizes in bytes, 0 is unknown.

    `line` is a line of output of what goes on (a build), for where lines are written one below the other. Of what
    `is_rehearsed` nothing has happened. `task` is what is done with it where that is more than the state says
    (`copy site to shop-web-1:/srv`); the resource is a bare name then, as with docker compose.
    """

    resource: str
    state: str
    phase: Phase = Phase.DONE
    detail: str = ""
    current: int = 0
    total: int = 0
    line: str = ""
    is_rehearsed: bool = False
    task: str = ""

    @property
    def title(self) -> str:
        """The resource as people read it."""
        return f"DRY-RUN MODE -  {self.resource}" if self.is_rehearsed else self.resource


Report = Callable[[Update], None]


class Output(Struct, frozen=True):
    """Whole lines (without their ends) that a container wrote to `stream` (1 stdout, 2 stderr).

    `source` is the container's short name (`web-1`). Bytes, because a container may write what is no text.
    """

    source: str
    stream: int
    lines: tuple[bytes, ...]


class Ended(Struct, frozen=True):
    """A followed container stopped; `will_restart` when its restart policy brings it back."""

    source: str
    exit_code: int
    will_restart: bool = False


Emit = Callable[[Output | Ended], None]
