"""gRPC calls on HTTP/2 streams: messages in their five-byte frames, a table of handlers, and a client's calls."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypeAlias, TypeVar

import anyio
from google.protobuf.message import DecodeError, Message

from engine.buildkit.transport.http2 import Connection, Headers, Stream, StreamEnded
from engine.buildkit.transport.status import CallFailed, Code, failure_of, trailers_of
from engine.errors import EngineError

log = logging.getLogger(__name__)

_MOST_BYTES: Final = 64 << 20
_HEAD: Final = 5
_CONTENT: Final = ("content-type", "application/grpc")
# By this header BuildKit's clients reckon for how long a build has been going on.
_TIME: Final = "buildkit-current-timestamp"
Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


class Call:
    """One call, on either side: messages to and fro. `metadata` is what the caller sent along."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = bytearray()

    @property
    def metadata(self) -> Headers:
        """The caller's headers; names may repeat."""
        return self._stream.headers

    def value(self, name: str) -> str:
        """One of the caller's headers, "" without."""
        return next((value for key, value in self.metadata if key == name), "")

    async def receive(self, kind: type[Request]) -> Request:
        """The next message. Raises `anyio.EndOfStream` after the last, `CallFailed`, `StreamEnded`."""
        try:
            return kind.FromString(await self.receive_bytes())
        except DecodeError as exc:
            raise CallFailed(Code.INTERNAL, f"a message cannot be read: {exc}") from exc

    async def receive_bytes(self) -> bytes:
        """The next message as it came."""
        await self._fill(_HEAD)
        size = int.from_bytes(self._buffer[1:_HEAD], "big")
        if self._buffer[0]:
            raise CallFailed(Code.UNIMPLEMENTED, "compressed messages are not read")
        if size > _MOST_BYTES:
            raise CallFailed(Code.RESOURCE_EXHAUSTED, f"a message of {size} bytes is too long")
        await self._fill(_HEAD + size)
        message = bytes(self._buffer[_HEAD : _HEAD + size])
        del self._buffer[: _HEAD + size]
        return message

    async def send(self, *messages: Message) -> None:
        """Send messages. Raises `StreamEnded`."""
        parts: list[bytes] = []
        for message in messages:
            body = message.SerializeToString()
            parts += [b"\0", len(body).to_bytes(4, "big"), body]
        await self._stream.send(b"".join(parts))

    async def send_eof(self) -> None:
        """Say that no message follows."""
        await self._stream.send_eof()

    async def finish(self) -> None:
        """Wait for the end of a call of this side, after its last message. Raises `CallFailed`, `StreamEnded`."""
        try:
            await self.receive_bytes()
        except anyio.EndOfStream:
            if failure := failure_of(self._stream.trailers):
                raise failure from None
        else:
            raise CallFailed(Code.INTERNAL, "a call has more messages than were expected")

    async def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            try:
                self._buffer += await self._stream.receive()
            except anyio.EndOfStream:
                if self._buffer:
                    raise CallFailed(Code.INTERNAL, "a call ends within a message") from None
                raise


Handler: TypeAlias = Callable[[Call], Awaitable[None]]


def unary(kind: type[Request], act: Callable[[Call, Request], Awaitable[Message]]) -> Handler:
    """A handler of one message that answers with one."""

    async def handle(call: Call) -> None:
        await call.send(await act(call, await call.receive(kind)))

    return handle


def streaming(kind: type[Request], act: Callable[[Call, Request], AsyncGenerator[Message, None]]) -> Handler:
    """A handler of one message that answers with any number."""

    async def handle(call: Call) -> None:
        async with aclosing(act(call, await call.receive(kind))) as answers:
            async for answer in answers:
                await call.send(answer)

    return handle


class Server:
    """Answers the calls of one connection by a table of handlers: `/package.Service/Method`."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    async def accept(self, stream: Stream) -> None:
        """Answer one call; a handler that fails ends it with its error. Never raises but for cancellation."""
        path = next((value for name, value in stream.headers if name == ":path"), "")
        try:
            now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            await stream.send_headers(((":status", "200"), _CONTENT, (_TIME, now)))
            failure = await self._run(path, stream)
            await stream.send_headers(trailers_of(failure), is_last=True)
        except StreamEnded:
            log.debug("%s: the caller is gone", path)

    async def _run(self, path: str, stream: Stream) -> CallFailed | None:
        handler = self._handlers.get(path)
        if handler is None:
            return CallFailed(Code.UNIMPLEMENTED, f"unknown method {path.rpartition('/')[2]} ({path})")
        try:
            await handler(Call(stream))
        except CallFailed as exc:
            return exc
        except anyio.EndOfStream:
            return CallFailed(Code.INTERNAL, "the call has no message")
        except EngineError as exc:
            return CallFailed(Code.UNKNOWN, str(exc))
        except StreamEnded:
            raise
        except Exception as exc:  # told to the caller and logged with its traceback
            log.exception("%s failed", path)
            return CallFailed(Code.INTERNAL, f"{type(exc).__name__}: {exc}")
        return None


class Client:
    """Makes calls over a connection on which this side is the client."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def is_gone(self) -> bool:
        """Whether the other side has hung up."""
        return self._connection.is_over

    async def unary(self, path: str, request: Message, kind: type[Answer]) -> Answer:
        """One message for one. Raises `CallFailed`, also when the connection is gone."""
        async with self.call(path) as call:
            await call.send(request)
            await call.send_eof()
            answer = await call.receive(kind)
            await call.finish()
            return answer

    @asynccontextmanager
    async def call(self, path: str, metadata: Headers = ()) -> AsyncIterator[Call]:
        """A call with any number of messages, for the block. Raises `CallFailed` with what the other side says."""
        head = ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"))
        try:
            stream = await self._connection.open((*head, _CONTENT, ("te", "trailers"), *metadata))
        except StreamEnded as exc:
            raise CallFailed(Code.UNAVAILABLE, f"the client of the build is gone ({exc})") from exc
        try:
            yield Call(stream)
        except anyio.EndOfStream:
            raise failure_of(stream.trailers or stream.headers) or CallFailed(
                Code.INTERNAL, f"{path} ended early"
            ) from None
        except StreamEnded as exc:
            gone = CallFailed(Code.UNAVAILABLE, f"the client of the build is gone ({exc})")
            raise (failure_of(stream.trailers) if stream.trailers else gone) or gone from exc
        finally:
            stream.reset()
