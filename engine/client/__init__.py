"""Talking to an engine over the Docker Engine API, and starting the embedded one."""

from engine.client.client import EngineClient
from engine.client.errors import ApiError, EngineUnreachable, LaunchError, OnlyReads
from engine.client.stdio import Hijacked

__all__ = ["ApiError", "EngineClient", "EngineUnreachable", "Hijacked", "LaunchError", "OnlyReads"]
