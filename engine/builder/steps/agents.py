"""`RUN --mount=type=ssh`: a socket for the program's user that leads to the client's ssh agent.

The agent's own socket would only answer its owner and root. What goes through is neither read nor kept.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread

from engine.builder.dockerfile.mounts import RunMount
from engine.errors import BadRequest
from engine.runtime.oci.launch import OciMount

_MODE: Final = 0o600
_BIND: Final = ("bind", "rprivate")


@asynccontextmanager
async def agent_mount(wish: RunMount, agent: str, place: Path) -> AsyncIterator[OciMount]:
    """The client's agent at `agent` as a mount, for the block; `place` is an empty directory for its socket.

    Raises `BadRequest` when the agent is not on this machine.
    """
    if not await anyio.to_thread.run_sync(_is_socket, agent):
        raise BadRequest(
            f"the socket of ssh agent {wish.identity!r} is not there: {agent}",
            hint="start ssh-agent, add the key, and build with its SSH_AUTH_SOCK, or name the key's file",
        )
    path = place / "agent"
    mode = _MODE if wish.mode is None else wish.mode
    async with await anyio.create_unix_listener(path, mode=mode) as listener, anyio.create_task_group() as tasks:
        await anyio.to_thread.run_sync(os.chown, path, wish.uid, wish.gid)

        async def serve(connection: anyio.abc.SocketStream) -> None:
            try:
                async with connection, await anyio.connect_unix(agent) as other:
                    await _join(connection, other)
            except OSError:
                return  # the agent has ended: to the program it is one that hangs up

        tasks.start_soon(listener.serve, serve)
        try:
            yield OciMount(wish.target, str(path), "bind", _BIND)
        finally:
            tasks.cancel_scope.cancel()


async def _join(one: anyio.abc.SocketStream, other: anyio.abc.SocketStream) -> None:
    """Carry everything between two streams until either ends."""
    async with anyio.create_task_group() as tasks:

        async def carry(source: anyio.abc.SocketStream, target: anyio.abc.SocketStream) -> None:
            try:
                async for data in source:
                    await target.send(data)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass  # whoever hangs up ends both directions
            tasks.cancel_scope.cancel()

        tasks.start_soon(carry, one, other)
        tasks.start_soon(carry, other, one)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False
