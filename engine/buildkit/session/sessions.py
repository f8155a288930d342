"""Clients that wait to be asked: each keeps a connection open on which the engine makes the calls."""

from __future__ import annotations

import logging
from typing import Final

import anyio
import anyio.abc

from engine.buildkit.transport.calls import Client
from engine.buildkit.transport.http2 import Connection
from engine.buildkit.transport.status import CallFailed, Code
from engine.errors import Conflict

log = logging.getLogger(__name__)

# A session's connection is opened at the same time as the build that names it.
_PATIENCE_SECONDS: Final = 10.0


class Sessions:
    """The sessions of one engine by id."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._directories: dict[str, str] = {}
        self._changed = anyio.Event()

    def check(self, identity: str) -> None:
        """Raises `Conflict` for an id that is taken."""
        if identity in self._clients:
            raise Conflict(f"session {identity} already exists")

    async def serve(self, identity: str, stream: anyio.abc.ByteStream, directories: str = "") -> None:
        """Keep a client for builds until it hangs up; `directories` is the same whenever it has the same ones."""
        connection = Connection(stream)
        async with anyio.create_task_group() as tasks:
            await tasks.start(connection.run)
            self._clients[identity] = Client(connection)
            self._directories[identity] = directories
            self._announce()
            log.debug("session %s begins", identity)
            try:
                await connection.ended.wait()
            finally:
                del self._clients[identity], self._directories[identity]
        log.debug("session %s has ended", identity)

    async def get(self, identity: str) -> Client:
        """The client of a session, waited for a while. Raises `CallFailed`."""
        with anyio.move_on_after(_PATIENCE_SECONDS):
            while identity not in self._clients:
                await self._changed.wait()
        if identity not in self._clients:
            raise CallFailed(Code.UNAVAILABLE, f"no active session for {identity}")
        return self._clients[identity]

    def directories(self, identity: str) -> str:
        """What names the directories of a session's client, "" if it does not say."""
        return self._directories.get(identity, "")

    def _announce(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
