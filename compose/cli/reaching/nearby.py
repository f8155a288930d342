"""Connecting to an engine on this machine without importing an event loop, for short commands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from compose.cli.reaching.engines import near_socket
from compose.cli.session import Session
from compose.errors import EngineRefused, EngineUnavailable
from engine.client.contexts import http_headers
from engine.client.errors import ApiError, EngineUnreachable

if TYPE_CHECKING:
    from engine.client.near import NearEngine

T = TypeVar("T")


def near_engine(session: Session) -> NearEngine | None:
    """A client of the session's engine; None where none runs yet, or it is far away. To be closed."""
    socket = near_socket(session)
    if socket is None:
        return None
    from engine.client.near import NearEngine

    return NearEngine(socket, tuple(http_headers(session.environment).items()), only_reads=session.dry_run)


def seen(engine: NearEngine, look: Callable[[NearEngine], Coroutine[Any, Any, T]]) -> T | None:
    """What `look` finds; None where the engine does not answer or says no: the long way finds out more, and tells."""
    try:
        return engine.run(look(engine))
    except (ApiError, EngineRefused, EngineUnavailable, EngineUnreachable):
        return None


def glanced(session: Session, look: Callable[[NearEngine], Coroutine[Any, Any, T]]) -> T | None:
    """The same with a client of its own."""
    engine = near_engine(session)
    if engine is None:
        return None
    with engine:
        return seen(engine, look)
