"""Our unix sockets: what a peer reads together, and what by itself."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import anyio
import pytest

from engine.client.sockets import UnixStream, quick

pytestmark = pytest.mark.anyio

# As long as the head of a taken-over connection.
HEAD = b"h" * 220


class Peer:
    """Reads as Docker's Python library does: as much as there is, and not before it is told to."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.may_read = threading.Event()

    def read_twice(self) -> tuple[bytes, bytes]:
        connection, _ = self._listener.accept()
        with connection:
            assert self.may_read.wait(60)
            return connection.recv(8192), connection.recv(8192)


async def test_what_is_sent_apart_is_read_by_itself(tmp_path: Path) -> None:
    address = str(tmp_path / "socket")
    read: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        peer = Peer(listener)

        async def reading() -> None:
            read.extend(await anyio.to_thread.run_sync(peer.read_twice))

        async with anyio.create_task_group() as tasks, await anyio.connect_unix(address) as plain:
            tasks.start_soon(reading)
            stream = quick(plain)
            assert isinstance(stream, UnixStream)
            tasks.start_soon(anyio.to_thread.run_sync, peer.may_read.set)
            await stream.send_apart(HEAD, within_seconds=60)
            await stream.send(b"what follows")
    assert read == [HEAD, b"what follows"]


async def test_a_peer_that_does_not_read_is_not_waited_for_and_the_buffer_is_as_before(tmp_path: Path) -> None:
    address = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        async with await anyio.connect_unix(address) as plain:
            raw = plain.extra(anyio.abc.SocketAttribute.raw_socket)
            before = raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            stream = quick(plain)
            assert isinstance(stream, UnixStream)
            await stream.send_apart(HEAD, within_seconds=0.01)
            assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before
