"""Our own engine on its way, while a command gets ready for it without an event loop."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from compose.cli.reaching.engines import is_socket, named_engine, own_engine
from compose.cli.session import Session

if TYPE_CHECKING:
    from engine.client.launch import Starting


def begun_engine(session: Session) -> AbstractContextManager[Starting | None]:
    """Have our own engine start if none is there and none was named. Raises `EngineUnavailable`, `LaunchError`.

    A socket that a killed engine left behind is taken for one: who meets nobody there goes the long way.
    """
    if named_engine(session) is not None:
        return nullcontext()
    home, may_start = own_engine(session)
    if not may_start or is_socket(home.socket):
        return nullcontext()
    from engine.client.launch import begin  # programs are started seldom

    return begin(home, session.environment) or nullcontext()
