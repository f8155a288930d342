"""The Docker Engine API behind any number of doors. Who may come in is decided by whoever made the doors."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
from anyio.streams.tls import TLSStream
from msgspec import Struct

from engine.api.connection import Connection
from engine.api.router import Router
from engine.api.routes import ROUTES
from engine.api.services import Services
from engine.client.sockets import quick

log = logging.getLogger(__name__)

_HANDSHAKE_SECONDS: Final = 30.0
# What accept(2) says of the machine's shortages; they pass, and the engine must outlive them.
_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED})
_SHORTAGE_SECONDS: Final = 0.2


class Door(Struct, frozen=True):
    """A listening socket; with `tls` clients shake hands first. `path` is removed with it."""

    listening: socket.socket
    tls: ssl.SSLContext | None = None
    path: Path | None = None

    def close(self) -> None:
        """Listen no more."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        self.listening.close()


async def serve(
    services: Services,
    doors: Sequence[Door],
    *,
    on_activity: Callable[[int], None],
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Answer clients until cancelled, and close the doors. `on_activity` is told the number of open connections
    whenever it changes.

    Connections are independent: a slow, silent or broken client holds up nobody but itself.
    """
    router = Router(ROUTES)
    open_connections = 0

    async def attend(door: Door, stream: anyio.abc.ByteStream) -> None:
        nonlocal open_connections
        open_connections += 1
        on_activity(open_connections)
        try:
            async with stream:
                inner = await _greet(door, stream)
                if inner is not None:
                    await Connection(inner, router, services).serve()
        except Exception:  # one connection's bug must not end the others
            log.exception("a connection failed")
        finally:
            open_connections -= 1
            on_activity(open_connections)

    async def accept(door: Door) -> None:
        async with await anyio.abc.SocketListener.from_socket(door.listening) as listener:
            while True:
                if stream := await _accepted(listener):
                    tasks.start_soon(attend, door, stream)

    try:
        async with anyio.create_task_group() as tasks:
            for door in doors:
                tasks.start_soon(accept, door)
            task_status.started()
    finally:
        for door in doors:
            door.close()


async def _accepted(listener: anyio.abc.SocketListener) -> anyio.abc.ByteStream | None:
    try:
        return await listener.accept()
    except OSError as exc:
        if exc.errno not in _SHORTAGES:
            raise
        log.warning("a client has to wait: %s", exc.strerror)
        await anyio.sleep(_SHORTAGE_SECONDS)
        return None


async def _greet(door: Door, stream: anyio.abc.ByteStream) -> anyio.abc.ByteStream | None:
    """The stream that HTTP is spoken on; None for a client that has no right to be here, or takes too long."""
    if door.tls is None:
        return quick(stream)
    try:
        with anyio.fail_after(_HANDSHAKE_SECONDS):
            # Docker's clients close without TLS's farewell.
            return await TLSStream.wrap(stream, server_side=True, ssl_context=door.tls, standard_compatible=False)
    except (ssl.SSLError, OSError, anyio.BrokenResourceError, anyio.EndOfStream) as exc:
        log.info("a client is turned away: %s", exc)
        return None
