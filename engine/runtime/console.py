"""A container's stdio over conmon's attach socket, and the size of its terminal over conmon's control pipe.

The socket is SOCK_SEQPACKET. From conmon: one byte that names the stream (2 stdout, 3 stderr), then data. To conmon:
data for stdin.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Protocol

import anyio

from engine.errors import Conflict

STDOUT = 1
STDERR = 2
_PACKET = 1 << 16
# conmon reads into a buffer of this size on some versions; a longer packet would be cut off.
_SEND_PACKET = 8192
_RESIZE = 1
_REOPEN_LOG = 2


class Console(Protocol):
    """The two ends of a process's stdio. Who opens one must read it to its end or close it."""

    async def receive(self) -> tuple[int, bytes]:
        """The next output: stream (1 stdout, 2 stderr) and data. Raises `anyio.EndOfStream`."""
        ...

    async def send(self, data: bytes) -> None:
        """Write to stdin. Raises `anyio.BrokenResourceError` when nobody reads it any more."""

    async def send_eof(self) -> None:
        """End stdin; output goes on."""


class AttachedConsole:
    """One client of conmon's attach socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, bundle: Path) -> AttachedConsole:
        """Connect to the monitor whose socket is in `bundle`. Raises `Conflict` if it is gone."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            # Through the descriptor, because sun_path has 108 bytes and a bundle's path may be longer.
            directory = os.open(bundle, os.O_PATH | os.O_CLOEXEC)
            try:
                connection.connect(f"/proc/self/fd/{directory}/attach")
            finally:
                os.close(directory)
        except OSError as exc:
            connection.close()
            if exc.errno in (errno.ENOENT, errno.ECONNREFUSED):
                raise Conflict("the container is not running: it cannot be attached to") from exc
            raise
        return cls(connection)

    async def receive(self) -> tuple[int, bytes]:
        """The next output. Raises `anyio.EndOfStream` when the container has ended."""
        while True:
            try:
                packet = self._connection.recv(_PACKET)
            except BlockingIOError:
                await anyio.wait_readable(self._connection)
                continue
            except ConnectionResetError:
                # The monitor ended before it had read all that we sent. The kernel says so once, and ahead of the
                # packets that have come: they are still there.
                continue
            if not packet:
                raise anyio.EndOfStream
            if len(packet) > 1:
                return packet[0] - 1, packet[1:]

    async def send(self, data: bytes) -> None:
        """Write to the container's stdin."""
        for start in range(0, len(data), _SEND_PACKET):
            await self._send_packet(data[start : start + _SEND_PACKET])

    async def send_eof(self) -> None:
        """Half-close: conmon closes the container's stdin if it was created with `stdin_once`."""
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError as exc:
            if exc.errno != errno.ENOTCONN:
                raise

    async def aclose(self) -> None:
        """Detach; the container goes on."""
        self._connection.close()

    async def _send_packet(self, packet: bytes) -> None:
        while True:
            try:
                self._connection.send(packet)
            except BlockingIOError:
                await anyio.wait_writable(self._connection)
            except OSError as exc:
                raise anyio.BrokenResourceError from exc
            else:
                return


def resize_terminal(bundle: Path, height: int, width: int) -> None:
    """Set the size of the terminal of the container in `bundle`. Raises `Conflict` if its monitor is gone."""
    _tell(bundle, f"{_RESIZE} {height} {width}")


def reopen_log(bundle: Path) -> None:
    """Have the monitor of `bundle` begin a new file at its log's path. Raises `Conflict` if it is gone."""
    _tell(bundle, f"{_REOPEN_LOG} 0 0")


def _tell(bundle: Path, message: str) -> None:
    try:
        descriptor = os.open(bundle / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno in (errno.ENXIO, errno.ENOENT):
            raise Conflict("the container is not running") from exc
        raise
    try:
        os.write(descriptor, f"{message}\n".encode())
    finally:
        os.close(descriptor)
