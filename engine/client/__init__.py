"""Talking to an engine over the Docker Engine API, and starting the embedded one.

The client itself is imported when it is first asked for: a command that finds nothing to do needs no event loop, and
importing one takes longer than everything else it does.
"""

from typing import TYPE_CHECKING, Any

from engine.client.errors import ApiError, EngineUnreachable, LaunchError, OnlyReads

if TYPE_CHECKING:
    from engine.client.client import EngineClient
    from engine.client.stdio import Hijacked

__all__ = ["ApiError", "EngineClient", "EngineUnreachable", "Hijacked", "LaunchError", "OnlyReads"]


def __getattr__(name: str) -> Any:
    if name == "EngineClient":
        from engine.client.client import EngineClient

        return EngineClient
    if name == "Hijacked":
        from engine.client.stdio import Hijacked

        return Hijacked
    raise AttributeError(name)
