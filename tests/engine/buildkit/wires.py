"""Two ends of a connection: one answers calls, the other makes them."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import anyio.abc

from engine.buildkit.transport.background import background
from engine.buildkit.transport.calls import Client, Handler, Server
from engine.buildkit.transport.http2 import Connection


@asynccontextmanager
async def streams() -> AsyncIterator[tuple[anyio.abc.ByteStream, anyio.abc.ByteStream]]:
    """A connected pair."""
    one, two = socket.socketpair()
    async with (
        await anyio.abc.SocketStream.from_socket(one) as first,
        await anyio.abc.SocketStream.from_socket(two) as second,
    ):
        yield first, second


@asynccontextmanager
async def connected(handlers: Mapping[str, Handler]) -> AsyncIterator[tuple[Client, anyio.abc.ByteStream]]:
    """A client of the handlers, and its end of the wire."""
    async with streams() as (ours, theirs), background() as tasks:
        tasks.start_soon(Connection(theirs, Server(handlers).accept).run)
        connection = Connection(ours)
        await tasks.start(connection.run)
        yield Client(connection), ours
