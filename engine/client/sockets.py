"""Unix stream sockets with less work per message than anyio's own, for both ends of the API.

anyio's stream goes round the event loop before every operation and looks its socket up by `repr`; for requests of a
few hundred bytes that is a third of the whole cost.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
import anyio.abc
import anyio.lowlevel

# A peer that is always ready must not keep the event loop for itself.
_TURNS: Final = 16
# The kernel makes it its minimum, a few KiB.
_LEAST_BUFFER: Final = 1


class UnixStream(anyio.abc.ByteStream):
    """One task may receive while another sends."""

    def __init__(self, stream: anyio.abc.ByteStream, raw: socket.socket) -> None:
        self._stream = stream  # keeps the socket open, and closes it
        self._raw = raw
        self._turns = 0

    async def receive(self, max_bytes: int = 65536) -> bytes:
        while True:
            try:
                data = self._raw.recv(max_bytes)
            except BlockingIOError:
                await anyio.wait_readable(self._raw.fileno())
            except OSError as exc:
                raise self._broken() from exc
            else:
                await self._give_way()
                if not data:
                    raise anyio.EndOfStream
                return data

    async def send(self, item: bytes) -> None:
        rest = memoryview(item)
        while rest:
            try:
                rest = rest[self._raw.send(rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self._raw.fileno())
            except OSError as exc:
                raise self._broken() from exc
        await self._give_way()

    async def send_apart(self, item: bytes, *, within_seconds: float) -> None:
        """Send a small message and wait, within bounds, until the peer has read it: what follows comes by itself.

        A unix socket counts as writable again when no more than a quarter of its send buffer waits for the peer
        (unix_writable in the kernel's net/unix/af_unix.c), so with the smallest buffer one message is too much.
        """
        usual = self._raw.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2  # the kernel doubles what it is told
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LEAST_BUFFER)
        try:
            await self.send(item)
            with anyio.move_on_after(within_seconds):
                await anyio.wait_writable(self._raw.fileno())
        finally:
            if self._raw.fileno() >= 0:
                self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, usual)

    async def send_eof(self) -> None:
        try:
            self._raw.shutdown(socket.SHUT_WR)
        except OSError as exc:
            raise self._broken() from exc

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    async def _give_way(self) -> None:
        self._turns = (self._turns + 1) % _TURNS
        if not self._turns:
            await anyio.lowlevel.checkpoint()

    def _broken(self) -> anyio.BrokenResourceError | anyio.ClosedResourceError:
        return anyio.ClosedResourceError() if self._raw.fileno() < 0 else anyio.BrokenResourceError()


def quick(stream: anyio.abc.ByteStream) -> anyio.abc.ByteStream:
    """The same stream; over a unix socket as a `UnixStream`."""
    raw: socket.socket | None = stream.extra(anyio.abc.SocketAttribute.raw_socket, None)
    return stream if raw is None or raw.family is not socket.AF_UNIX else UnixStream(stream, raw)
