"""The life of a container as one table: which verb is possible in which status, and what comes of it.

Docker's words (moby api/swagger.yaml, `ContainerState.Status`). Pure: nothing here touches a container.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from engine.errors import Conflict


class Status(StrEnum):
    """What a container is; the only place where that is kept."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    REMOVING = "removing"
    DEAD = "dead"


class Verb(StrEnum):
    """What happens to a container."""

    START = "start"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    EXIT = "exit"
    BACK_OFF = "back off"
    REMOVE = "remove"
    FAIL = "fail"


S = Status
V = Verb

TRANSITIONS: Final[dict[tuple[Status, Verb], Status]] = {
    (S.CREATED, V.START): S.RUNNING,
    (S.EXITED, V.START): S.RUNNING,
    (S.RESTARTING, V.START): S.RUNNING,
    (S.RUNNING, V.PAUSE): S.PAUSED,
    (S.PAUSED, V.UNPAUSE): S.RUNNING,
    (S.RUNNING, V.EXIT): S.EXITED,
    (S.PAUSED, V.EXIT): S.EXITED,
    # Stopped while it waited for its next start, or that start failed.
    (S.RESTARTING, V.EXIT): S.EXITED,
    # The restart policy wants it back after a while.
    (S.RUNNING, V.BACK_OFF): S.RESTARTING,
    (S.PAUSED, V.BACK_OFF): S.RESTARTING,
    (S.CREATED, V.REMOVE): S.REMOVING,
    (S.EXITED, V.REMOVE): S.REMOVING,
    (S.DEAD, V.REMOVE): S.REMOVING,
    # A removal that stops half-way leaves a container that can only be removed again.
    (S.REMOVING, V.FAIL): S.DEAD,
}

ALIVE: Final = frozenset({S.RUNNING, S.PAUSED})
# Docker counts a container that waits for its restart as running: it has to be stopped first.
ACTIVE: Final = frozenset({S.RUNNING, S.PAUSED, S.RESTARTING})

_REFUSALS: Final[dict[tuple[Status, Verb], str]] = {
    (S.PAUSED, V.START): "cannot start a paused container, try unpause instead",
    (S.REMOVING, V.START): "container is marked for removal and cannot be started",
    (S.DEAD, V.START): "container is marked for removal and cannot be started",
    (S.RUNNING, V.REMOVE): "container is running: stop the container before removing or force remove",
    (S.RESTARTING, V.REMOVE): "container is restarting: stop the container before removing or force remove",
    (S.PAUSED, V.REMOVE): "container is paused and must be unpaused first",
    (S.REMOVING, V.REMOVE): "removal of the container is already in progress",
    (S.PAUSED, V.PAUSE): "is already paused",
}


def advance(status: Status, verb: Verb) -> Status:
    """The status after `verb`. Raises `Conflict` for a pair outside the table."""
    try:
        return TRANSITIONS[status, verb]
    except KeyError:
        raise Conflict(refusal(status, verb)) from None


def refusal(status: Status, verb: Verb) -> str:
    """Why `verb` is not possible, in Docker's words where it has some."""
    text = _REFUSALS.get((status, verb))
    if text is None and verb is V.UNPAUSE:
        text = "is not paused"
    if text is None and verb is V.PAUSE:
        text = "is restarting" if status is S.RESTARTING else "is not running"
    return text or f"cannot {verb.value} a container that is {status.value}"
