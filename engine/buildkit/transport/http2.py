"""HTTP/2 (RFC 9113) over one taken-over connection, in either role: streams with flow control and their ends.

The connection's window is given back when data arrives, a stream's when somebody has read them: a stream that nobody
reads holds up itself and no other.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

import anyio
import anyio.abc
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

log = logging.getLogger(__name__)

Headers: TypeAlias = tuple[tuple[str, str], ...]

_READ_BYTES: Final = 256 * 1024
_STREAM_WINDOW: Final = 1 << 20
_CONNECTION_WINDOW: Final = 16 << 20
_MOST_STREAMS: Final = 256
# Longer than the least that is allowed (RFC 9113, 6.5.2): every frame costs as much as some ten thousand bytes.
_FRAME_BYTES: Final = 1 << 18
_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)


class StreamEnded(Exception):
    """The other side reset a stream, or the whole connection is gone."""


class Stream:
    """One exchange. Who opened it sends headers first; `headers` and `trailers` are what the other side sent."""

    def __init__(self, connection: Connection, number: int, headers: Headers = ()) -> None:
        self.headers = headers
        self.trailers: Headers = ()
        self.scope = anyio.CancelScope()
        self._connection = connection
        self._number = number
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._read_bytes = 0
        self._changed = anyio.Event()
        self._is_over = False
        self._failure = ""

    async def receive(self) -> bytes:
        """Some bytes of the other side. Raises `anyio.EndOfStream` after the last, `StreamEnded`."""
        while not self._chunks:
            if self._failure:
                raise StreamEnded(self._failure)
            if self._is_over:
                raise anyio.EndOfStream
            await self.changed()
        data, size = self._chunks.popleft()
        self._read_bytes += size
        if self._read_bytes > _STREAM_WINDOW // 4 and not self._is_over:
            size, self._read_bytes = self._read_bytes, 0
            self._connection.widen(self._number, size)
        return data

    async def send_headers(self, headers: Headers, *, is_last: bool = False) -> None:
        """Send headers, or trailers. Raises `StreamEnded`."""
        await self._connection.send_headers(self._number, headers, is_last=is_last)

    async def send(self, data: bytes) -> None:
        """Send bytes, as far as the other side has room for them. Raises `StreamEnded`."""
        view = memoryview(data)
        while view:
            if self._failure:
                raise StreamEnded(self._failure)
            room = self._connection.room(self._number)
            if room <= 0:
                await self.changed()
                continue
            await self._connection.send_data(self._number, bytes(view[:room]))
            view = view[room:]

    async def send_eof(self) -> None:
        """Say that nothing follows. Raises `StreamEnded`."""
        await self._connection.send_data(self._number, b"", is_last=True)

    def reset(self) -> None:
        """Call the exchange off; one that is over is left alone."""
        self._connection.reset(self._number)

    async def changed(self) -> None:
        """Wait until there is data, room, an end or a failure."""
        self._changed = anyio.Event()
        await self._changed.wait()

    # -- told by the connection

    def take(self, data: bytes, size: int) -> None:
        self._chunks.append((data, size))
        self._changed.set()

    def finish(self) -> None:
        self._is_over = True
        self._changed.set()

    def fail(self, why: str) -> None:
        if self._is_over and self.trailers:
            return  # all was said, and the rest of ours is not wanted
        self._failure = self._failure or why
        self._changed.set()
        self.scope.cancel()

    def wake(self) -> None:
        self._changed.set()


Accept: TypeAlias = Callable[[Stream], Awaitable[None]]


class Connection:
    """`run` serves it until the other side hangs up: with `accept` as a server, else as a client that opens streams."""

    def __init__(self, stream: anyio.abc.ByteStream, accept: Accept | None = None) -> None:
        self._stream = stream
        self._accept = accept
        self._protocol = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=accept is None, header_encoding="utf-8")
        )
        self._streams: dict[int, Stream] = {}
        self._unread_bytes = 0
        self._queued, self._written = anyio.Event(), anyio.Event()
        self.is_over = False
        self.ended = anyio.Event()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Speak until the connection ends; what is under way then fails, and its handlers are cancelled."""
        async with anyio.create_task_group() as tasks:
            try:
                self._begin()
                tasks.start_soon(self._write)
                task_status.started()
                while data := await self._stream.receive(_READ_BYTES):
                    for event in self._protocol.receive_data(data):
                        self._take(event, tasks)
                    self._queued.set()
            except h2.exceptions.ProtocolError as exc:
                log.warning("an HTTP/2 connection breaks the protocol: %s", exc)
            except _BROKEN:
                log.debug("an HTTP/2 connection has ended")
            finally:
                self.is_over = True
                self.ended.set()
                self._written.set()
                for stream in self._streams.values():
                    stream.fail("the connection is gone")
                tasks.cancel_scope.cancel()

    async def open(self, headers: Headers) -> Stream:
        """Begin an exchange. Raises `StreamEnded` when the connection is gone."""
        if self.is_over:
            raise StreamEnded("the connection is gone")
        number = self._protocol.get_next_available_stream_id()
        stream = self._streams[number] = Stream(self, number)
        await self.send_headers(number, headers)
        return stream

    # -- what streams do

    def room(self, number: int) -> int:
        """The bytes that a stream may send now."""
        try:
            return min(self._protocol.local_flow_control_window(number), self._protocol.max_outbound_frame_size)
        except h2.exceptions.ProtocolError as exc:
            raise StreamEnded(str(exc)) from exc

    async def send_headers(self, number: int, headers: Headers, *, is_last: bool = False) -> None:
        """Write headers."""
        self._queue(lambda: self._protocol.send_headers(number, headers, end_stream=is_last))
        await self._wait_until_written()

    async def send_data(self, number: int, data: bytes, *, is_last: bool = False) -> None:
        """Write data for which there is room."""
        self._queue(lambda: self._protocol.send_data(number, data, end_stream=is_last))
        await self._wait_until_written()

    def widen(self, number: int, size: int) -> None:
        """Let a stream's other side send that many bytes more."""
        self._queue(lambda: self._protocol.increment_flow_control_window(size, number))

    def reset(self, number: int) -> None:
        """Call a stream off."""
        stream = self._streams.pop(number, None)
        if stream is None or self.is_over:
            return
        try:
            self._queue(lambda: self._protocol.reset_stream(number, h2.errors.ErrorCodes.CANCEL))
        except StreamEnded:
            log.debug("stream %s was over already", number)

    def _queue(self, act: Callable[[], None]) -> None:
        try:
            act()
        except h2.exceptions.ProtocolError as exc:
            raise StreamEnded(str(exc) or type(exc).__name__) from exc
        self._queued.set()

    async def _wait_until_written(self) -> None:
        """Wait for the writer, so that nobody queues more than the connection takes."""
        if not self.is_over:
            await self._written.wait()
        if self.is_over:
            raise StreamEnded("the connection is gone")

    async def _write(self) -> None:
        """Write what is queued. Reading goes on meanwhile, or two sides that write would wait for each other."""
        try:
            while True:
                await self._queued.wait()
                self._queued = anyio.Event()
                if data := self._protocol.data_to_send():
                    await self._stream.send(data)
                written, self._written = self._written, anyio.Event()
                written.set()
        except _BROKEN:
            log.debug("nobody reads an HTTP/2 connection any more")  # the reader meets the end, too

    # -- what comes in

    def _begin(self) -> None:
        self._protocol.local_settings = h2.settings.Settings(
            client=self._accept is None,
            initial_values={
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: _STREAM_WINDOW,
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: _MOST_STREAMS,
                h2.settings.SettingCodes.MAX_FRAME_SIZE: _FRAME_BYTES,
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
            },
        )
        self._protocol.max_inbound_frame_size = _FRAME_BYTES
        self._protocol.initiate_connection()
        self._protocol.increment_flow_control_window(_CONNECTION_WINDOW)
        self._queued.set()

    def _take(self, event: h2.events.Event, tasks: anyio.abc.TaskGroup) -> None:
        match event:
            case h2.events.RequestReceived() if self._accept is not None:
                number = _number(event.stream_id)
                stream = self._streams[number] = Stream(self, number, _texts(event.headers))
                tasks.start_soon(self._handle, stream, number)
            case h2.events.ResponseReceived() | h2.events.TrailersReceived() | h2.events.DataReceived():
                self._take_in(event)
            case h2.events.StreamEnded():
                if ended := self._streams.get(_number(event.stream_id)):
                    ended.finish()
            case h2.events.StreamReset():
                if gone := self._streams.pop(_number(event.stream_id), None):
                    gone.fail(f"the stream was reset ({event.error_code})")
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for waiting in self._streams.values():
                    waiting.wake()
            case _:
                return

    def _take_in(self, event: h2.events.ResponseReceived | h2.events.TrailersReceived | h2.events.DataReceived) -> None:
        stream = self._streams.get(_number(event.stream_id))
        match event:
            case h2.events.DataReceived():
                size = event.flow_controlled_length or 0
                self._give_back(size)
                if stream is not None and event.data:
                    stream.take(event.data, size)
            case h2.events.ResponseReceived() if stream is not None:
                stream.headers = _texts(event.headers)
            case h2.events.TrailersReceived() if stream is not None:
                stream.trailers = _texts(event.headers)
            case _:
                return

    def _give_back(self, size: int) -> None:
        self._unread_bytes += size
        if self._unread_bytes > _CONNECTION_WINDOW // 4:
            self._protocol.increment_flow_control_window(self._unread_bytes)
            self._unread_bytes = 0

    async def _handle(self, stream: Stream, number: int) -> None:
        assert self._accept is not None  # or nobody could have asked for anything
        try:
            with stream.scope:
                await self._accept(stream)
        finally:
            self._streams.pop(number, None)


def _texts(headers: Iterable[tuple[str | bytes, str | bytes]] | None) -> Headers:
    return tuple((_text(name), _text(value)) for name, value in headers or ())


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _number(stream_id: int | None) -> int:
    assert stream_id is not None  # h2 leaves it out of events before they are filled in
    return stream_id
