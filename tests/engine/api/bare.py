"""A bare connection to a served fake engine, for what no client would send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import ByteStream

from tests.fakes.serving import Served, served


@asynccontextmanager
async def wired(directory: Path) -> AsyncIterator[tuple[Served, ByteStream]]:
    """A served fake engine and a bare connection to it."""
    async with served(directory) as server, await anyio.connect_unix(server.socket) as stream:
        yield server, stream


async def until_closed(stream: ByteStream) -> bytes:
    """Everything up to the server's close."""
    data = b""
    try:
        while True:
            data += await stream.receive()
    except anyio.EndOfStream:
        return data


async def receive_through(stream: ByteStream, mark: bytes) -> bytes:
    """Everything up to and with `mark`, or more."""
    data = b""
    while mark not in data:
        data += await stream.receive()
    return data
