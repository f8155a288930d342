"""The Docker Engine API over any listener. Who may connect is decided by whoever made the listener."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio
import anyio.abc

from engine.api.connection import Connection
from engine.api.router import Router
from engine.api.routes import ROUTES
from engine.api.services import Services
from engine.client.sockets import quick

log = logging.getLogger(__name__)


async def serve(
    services: Services,
    listener: anyio.abc.Listener[anyio.abc.ByteStream],
    *,
    on_activity: Callable[[int], None],
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Answer clients until cancelled. `on_activity` is told the number of open connections whenever it changes.

    Connections are independent: a slow, silent or broken client holds up nobody but itself.
    """
    router = Router(ROUTES)
    open_connections = 0

    async def attend(stream: anyio.abc.ByteStream) -> None:
        nonlocal open_connections
        open_connections += 1
        on_activity(open_connections)
        try:
            async with stream:
                await Connection(quick(stream), router, services).serve()
        except Exception:  # one connection's bug must not end the others
            log.exception("a connection failed")
        finally:
            open_connections -= 1
            on_activity(open_connections)

    async with listener:
        task_status.started()
        await listener.serve(attend)
