"""What a command can find out about its project before anything of the event loop is imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from compose.cli.reaching.engines import near_socket
from compose.cli.session import Session
from engine.client.contexts import http_headers
from engine.client.errors import ApiError, EngineUnreachable

T = TypeVar("T")
Look = Callable[[Path, Sequence[tuple[str, str]]], T]


def glanced(session: Session, look: Look[T]) -> T | None:
    """What `look` finds at the session's engine.

    None where that does not go: no engine runs yet, it is far away, or it says no. The long way then finds out more,
    and tells it.
    """
    socket = near_socket(session)
    if socket is None:
        return None
    try:
        return look(socket, tuple(http_headers(session.environment).items()))
    except (ApiError, EngineUnreachable):
        return None
