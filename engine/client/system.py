"""What an engine says of itself."""

from __future__ import annotations

from engine.client.calls import Calls
from engine.wire.system import SystemInfo, SystemVersion


class SystemCalls(Calls):
    """`/version` and `/info`."""

    async def version(self) -> SystemVersion:
        """The engine's version."""
        return await self.fetch(SystemVersion, "GET", "/version")

    async def info(self) -> SystemInfo:
        """The engine's machine."""
        return await self.fetch(SystemInfo, "GET", "/info")
