"""Small stream servers on the event loop: accepting connections, and the proxy for what DNAT cannot do.

The kernel does not translate packets to `::1`, and IPv6 host addresses cannot lead to a container that has IPv4
only: there a listening socket of the engine passes the bytes on.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc

log = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 16
_CONNECT_SECONDS = 10.0
_RECOVER_SECONDS = 1.0


class Acceptor:
    """Accepts on a listening socket (taken over, closed by `close`) and serves each connection in a task of `tasks`."""

    def __init__(
        self,
        listener: socket.socket,
        tasks: anyio.abc.TaskGroup,
        serve: Callable[[socket.socket], Awaitable[None]],
    ) -> None:
        self._listener = listener
        self._tasks = tasks
        self._serve = serve
        self._scopes: set[anyio.CancelScope] = set()
        self._loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Stop accepting and end what is being served."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()
        for scope in self._scopes:
            scope.cancel()

    def _accept(self) -> None:
        # One per turn: the loop comes back while more wait.
        try:
            connection, _address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as exc:
            # Out of descriptors: the connection stays in the queue, so listen again only after a while.
            log.warning("cannot accept a connection: %s", exc)
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_RECOVER_SECONDS, self._listen)
            return
        connection.setblocking(False)
        self._tasks.start_soon(self._run, connection)

    def _listen(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    async def _run(self, connection: socket.socket) -> None:
        with connection, anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                await self._serve(connection)
            except OSError as exc:
                # The other side's business: it sees its connection end.
                log.debug("a connection ended: %s", exc)
            except Exception:  # logged; one connection's bug must not end the service of all others
                log.exception("serving a connection failed")
            finally:
                self._scopes.discard(scope)


class Proxy:
    """Passes the connections of a listening socket on to `host`:`port`, half-closing as the sides do."""

    def __init__(self, listener: socket.socket, tasks: anyio.abc.TaskGroup, host: str, port: int) -> None:
        self._target = (host, port)
        self._acceptor = Acceptor(listener, tasks, self._pass_on)

    def retarget(self, host: str, port: int) -> None:
        """Pass connections that come from now on to somewhere else."""
        self._target = (host, port)

    def close(self) -> None:
        """Close the listening socket and all connections."""
        self._acceptor.close()

    async def _pass_on(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self._target[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as server:
            with anyio.fail_after(_CONNECT_SECONDS):
                await loop.sock_connect(server, self._target)
            async with anyio.create_task_group() as both:
                both.start_soon(_pump, client, server, both.cancel_scope)
                both.start_soon(_pump, server, client, both.cancel_scope)


async def _pump(source: socket.socket, target: socket.socket, both: anyio.CancelScope) -> None:
    loop = asyncio.get_running_loop()
    try:
        while data := await loop.sock_recv(source, _CHUNK_BYTES):
            await loop.sock_sendall(target, data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side reset the connection: the other must not wait for more.
        both.cancel()
