"""The ssh agents of a build's client, each behind a socket of the engine: a connection is a call to the client."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio
import anyio.abc

from engine.buildkit.messages.control_pb2 import BytesMessage
from engine.buildkit.messages.session_pb2 import CheckAgentRequest, CheckAgentResponse
from engine.buildkit.transport.background import background
from engine.buildkit.transport.calls import Call, Client
from engine.buildkit.transport.http2 import StreamEnded
from engine.buildkit.transport.status import CallFailed, Code

log = logging.getLogger(__name__)

_CHECK: Final = "/moby.sshforward.v1.SSH/CheckAgent"
_FORWARD: Final = "/moby.sshforward.v1.SSH/ForwardAgent"
_NAME: Final = "buildkit.ssh.id"


@asynccontextmanager
async def agents(client: Client, names: Iterable[str]) -> AsyncIterator[dict[str, str]]:
    """Sockets by the names of agents, for the block; those that the client does not have are left out."""
    present = [name for name in sorted(set(names)) if await _has(client, name)]
    if not present:
        yield {}
        return
    with TemporaryDirectory(prefix="pycompose-ssh-") as place:
        sockets = {name: str(Path(place) / str(number)) for number, name in enumerate(present)}
        async with background() as tasks:
            for name, path in sockets.items():
                listener = await anyio.create_unix_listener(path, mode=0o600)
                tasks.start_soon(_serve, client, name, listener)
            yield sockets


async def _has(client: Client, name: str) -> bool:
    try:
        await client.unary(_CHECK, CheckAgentRequest(id=name), CheckAgentResponse)
    except CallFailed as exc:
        if exc.code == Code.UNAVAILABLE:
            raise
        return False
    return True


async def _serve(client: Client, name: str, listener: anyio.abc.Listener[anyio.abc.SocketStream]) -> None:
    async def forward(connection: anyio.abc.SocketStream) -> None:
        try:
            async with connection, client.call(_FORWARD, ((_NAME, name),)) as call:
                await _join(connection, call)
        except CallFailed as exc:
            log.debug("the agent %s hangs up: %s", name, exc)  # which is what the program sees

    async with listener:
        await listener.serve(forward)


async def _join(connection: anyio.abc.SocketStream, call: Call) -> None:
    """Carry everything between a program and the client's agent until either ends."""
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            try:
                async for data in connection:
                    await call.send(BytesMessage(data=data))
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, StreamEnded):
                log.debug("a program has closed its agent's socket")
            tasks.cancel_scope.cancel()

        async def answer() -> None:
            try:
                while True:
                    await connection.send((await call.receive(BytesMessage)).data)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, CallFailed, StreamEnded):
                log.debug("the client's agent has ended")
            tasks.cancel_scope.cancel()

        tasks.start_soon(ask)
        tasks.start_soon(answer)
