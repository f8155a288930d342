"""Taken-over connections: the bare stream, and pumping a console over it.

A client's end of input (half-close) ends the console's stdin only. Its full close ends the session, even while
the container says nothing: on a unix socket the kernel reports it as a hang-up.
"""

from __future__ import annotations

import logging
import select
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import anyio
import anyio.abc
from msgspec import Struct

from engine.wire.detach import DetachWatch
from engine.wire.frames import frame

log = logging.getLogger(__name__)

_READ_BYTES: Final = 32 * 1024
# A container that was never started takes no input: its vanished client is not waited for.
_LAST_INPUT_SECONDS: Final = 2.0
_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Console(Protocol):
    """The stdio of a container or an exec: see `engine.runtime`."""

    async def receive(self) -> tuple[int, bytes]:
        """The next output and its stream (1 stdout, 2 stderr). Raises `anyio.EndOfStream`."""
        ...

    async def send(self, data: bytes) -> None:
        """Write to stdin."""
        ...

    async def send_eof(self) -> None:
        """Close stdin."""
        ...


class BareStream(anyio.abc.ByteStream):
    """A connection after its head, beginning with what the client had sent early."""

    def __init__(self, stream: anyio.abc.ByteStream, early: bytes) -> None:
        self._stream = stream
        self._early = early

    async def receive(self, max_bytes: int = _READ_BYTES) -> bytes:
        if self._early:
            data, self._early = self._early[:max_bytes], self._early[max_bytes:]
            return data
        return await self._stream.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class PumpOptions(Struct, frozen=True):
    """What goes to and fro. `detach_keys` ends the session without ending stdin (ttys only).

    Output `is_framed` where stdout and stderr must be told apart: an exec's client may ask for it of a tty as well.
    """

    is_tty: bool
    is_framed: bool
    stdin: bool
    stdout: bool = True
    stderr: bool = True
    detach_keys: bytes = b""

    @property
    def streams(self) -> frozenset[int]:
        """The wanted outputs by number; a tty has one."""
        wanted = {number for number, is_wanted in ((1, self.stdout), (2, self.stderr)) if is_wanted}
        return frozenset({1, 2} if self.is_tty and wanted else wanted)


async def pump(console: Console, client: anyio.abc.ByteStream, options: PumpOptions) -> None:
    """Carry stdio until the console's output ends, the client hangs up or detaches. Closes neither."""
    async with anyio.create_task_group() as tasks:
        end = tasks.cancel_scope.cancel
        input_is_over = anyio.Event()
        tasks.start_soon(_carry_input, console, client, options, input_is_over, end)
        tasks.start_soon(_end_at_hangup, client, input_is_over, end)
        await _carry_output(console, client, options)
        end()


async def _carry_output(console: Console, client: anyio.abc.ByteStream, options: PumpOptions) -> None:
    wanted = options.streams
    try:
        while True:
            stream, data = await console.receive()
            if stream in wanted and data:
                await client.send(frame(stream, data) if options.is_framed else data)
    except anyio.EndOfStream:
        return
    except _BROKEN as exc:
        log.debug("the console's client is gone: %r", exc)


async def _carry_input(
    console: Console,
    client: anyio.abc.ByteStream,
    options: PumpOptions,
    is_over: anyio.Event,
    end: Callable[[], None],
) -> None:
    watch = DetachWatch(options.detach_keys if options.is_tty else b"")
    is_detached = is_lost = False
    try:
        while not is_detached:
            data, is_detached = watch.feed(await client.receive(_READ_BYTES))
            if options.stdin and data:
                await _deliver(console, data)
    except (anyio.EndOfStream, *_BROKEN) as exc:
        is_lost = not isinstance(exc, anyio.EndOfStream)
        if options.stdin:
            await _close_stdin(console)
    is_over.set()
    if is_detached or is_lost:
        end()


async def _deliver(console: Console, data: bytes) -> None:
    try:
        await console.send(data)
    except (anyio.EndOfStream, *_BROKEN):
        log.debug("input after the process closed its stdin")


async def _close_stdin(console: Console) -> None:
    try:
        await console.send_eof()
    except (anyio.EndOfStream, *_BROKEN):
        log.debug("end of input after the process closed its stdin")


async def _end_at_hangup(client: anyio.abc.ByteStream, input_is_over: anyio.Event, end: Callable[[], None]) -> None:
    """End the session of a client that is gone, once what it had sent before has arrived."""
    if await _hangs_up(client):
        with anyio.move_on_after(_LAST_INPUT_SECONDS):
            await input_is_over.wait()
        end()


async def _hangs_up(client: anyio.abc.ByteStream) -> bool:
    """Wait for the client's full close and return True; False where the kernel cannot tell (TCP).

    An epoll that asks for nothing still reports hang-ups, and is itself readable when it has one.
    """
    raw: socket.socket | None = client.extra(anyio.abc.SocketAttribute.raw_socket, None)
    if raw is None or raw.family is not socket.AF_UNIX:
        return False
    with select.epoll() as hangups:
        hangups.register(raw.fileno(), 0)
        await anyio.wait_readable(hangups.fileno())
    return True
