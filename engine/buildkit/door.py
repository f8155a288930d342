"""The door to BuildKit's API. What is behind it is loaded when the first client comes: most engines never meet one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import anyio
import anyio.abc
import anyio.to_thread
from msgspec import Struct

from engine.builder.service import Builder
from engine.images.store import ImageService

_SERVICE: Final = "engine.buildkit.service"


class Facts(Struct, frozen=True, kw_only=True):
    """What is told of the engine; `gateway` is the host's address on the default network, "" without one."""

    engine_id: str
    version: str
    gateway: str


class Door:
    """Takes connections over. What their clients begin ends with them."""

    def __init__(self, builder: Builder, images: ImageService, facts: Callable[[], Facts]) -> None:
        self._builder = builder
        self._images = images
        self._facts = facts
        self._service: Any = None
        self._opening = anyio.Lock()

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        """Answer a client's calls until it hangs up."""
        await (await self._open()).serve(stream)

    async def keep_session(self, identity: str, stream: anyio.abc.ByteStream, directories: str) -> None:
        """Have a client at hand for its builds until it hangs up; `directories` names those that it has."""
        await (await self._open()).sessions.serve(identity, stream, directories)

    async def check_session(self, identity: str) -> None:
        """Raises `Conflict` for the id of a session that there is."""
        (await self._open()).sessions.check(identity)

    async def _open(self) -> Any:
        async with self._opening:
            if self._service is None:
                module = await anyio.to_thread.run_sync(importlib.import_module, _SERVICE)
                self._service = module.BuildKit(self._builder, self._images, self._facts)
        return self._service
