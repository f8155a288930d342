"""One client's connection: requests one after another, each answered before the next is read.

    read a head -> route -> handler -> Reply | Stream | Hijack -> drain what is left of the body -> next

A `Stream` is watched: when the client goes away, its producer is cancelled. A `Reply`'s handler runs to its end
even if nobody waits any more, so that no verb is left half done by a lost client.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

import anyio
import anyio.abc
import anyio.lowlevel
import h11

from engine.api.hijack import BareStream
from engine.api.messages import Answer, Hijack, Reply, Request, Stream
from engine.api.outbox import Outbox
from engine.api.router import Router
from engine.api.services import Services
from engine.client.sockets import UnixStream
from engine.errors import EngineError, ExpectationFailed
from engine.wire.codec import encode
from engine.wire.http import (
    JSON,
    MAX_HEAD_BYTES,
    RAW_STREAM,
    READ_BYTES,
    cleaned_target,
    header_texts,
    parse_target,
    wants_upgrade,
)
from engine.wire.system import API_VERSION, ErrorResponse

log = logging.getLogger(__name__)

_BROKEN: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
# What is read and thrown away so that a client still hears the answer to a body that nobody wanted.
_DRAIN_BYTES: Final = 1024 * 1024
_DRAIN_SECONDS: Final = 5.0
# How long a client may take to read the head of a taken-over connection before the rest comes anyway.
_HEAD_SECONDS: Final = 1.0
# How long the head of a request may take from its first byte on, as with Docker. Between requests nobody hurries.
_REQUEST_HEAD_SECONDS: Final = 300.0
_BODILESS: Final = frozenset({204, 304})
_NO_THREAD: Final = "can't start new thread"  # of `threading`, which has no class for it


class ClientGone(Exception):
    """The client closed the connection; nobody is left to tell."""


class Connection:
    """Serves one connection until the client closes it, takes it over or breaks the protocol."""

    def __init__(self, stream: anyio.abc.ByteStream, router: Router, services: Services) -> None:
        self._stream = stream
        self._router = router
        self._services = services
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        identity = services.system.identity
        self._common = _common_headers(identity.version, is_experimental=identity.is_experimental)
        self._head_is_sent = False
        self._is_head_request = False
        self._wants_upgrade = False
        self._must_close = False

    async def serve(self) -> None:
        """Answer until the end. Never raises for what a client does."""
        try:
            while await self._serve_one():
                self._http.start_next_cycle()
                self._head_is_sent = False
        except h11.RemoteProtocolError as exc:
            await self._refuse(exc)
        except ClientGone:
            log.debug("a client went away")

    async def _serve_one(self) -> bool:
        """Answer one request; whether another may follow."""
        event = await self._next_head()
        if not isinstance(event, h11.Request):
            return False
        try:
            await self._send(await self._handle(event))
        except EngineError as exc:
            await self._send_error(exc.status, str(exc))
        except (h11.RemoteProtocolError, ClientGone):
            raise
        except Exception as exc:  # told to the client and logged with its traceback
            log.exception("%s %s failed", event.method.decode(), event.target.decode())
            await self._send_error(500, _words(exc))
        return not self._must_close and await self._is_reusable()

    async def _handle(self, event: h11.Request) -> Answer:
        headers = header_texts(event.headers)
        self._is_head_request = event.method == b"HEAD"
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            self._http.next_event()  # the end of the body, which is there already
        self._wants_upgrade = wants_upgrade(headers)
        if headers.get("expect", "100-continue").lower() != "100-continue":
            raise ExpectationFailed(f"cannot do what is expected: {headers['expect']}")
        wanted = event.target.decode("latin-1")
        if clean := cleaned_target(wanted):
            return Reply(301, headers=(("Location", clean),))
        target = parse_target(wanted)
        request = Request(event.method.decode("ascii"), target, headers, self._read_body)
        handler, request.params = self._router.match(request.method, request.path)
        return await handler(self._services, request)

    # -- reading

    async def _next_head(self) -> h11.Event | type[h11.PAUSED]:
        event = self._http.next_event()
        if event is not h11.NEED_DATA:
            return event  # type: ignore[return-value]  # h11 types its sentinels loosely
        self._http.receive_data(await self._receive())
        event = self._http.next_event()
        if event is not h11.NEED_DATA:
            return event  # type: ignore[return-value]
        with anyio.move_on_after(_REQUEST_HEAD_SECONDS):
            return await self._next_event()
        raise h11.RemoteProtocolError("the head of the request takes too long", error_status_hint=408)

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # h11 types its sentinels loosely
            if self._http.they_are_waiting_for_100_continue:
                proceed = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                await self._write(self._http.send(proceed))
            self._http.receive_data(await self._receive())

    async def _receive(self) -> bytes:
        try:
            return await self._stream.receive(READ_BYTES)
        except anyio.EndOfStream:
            return b""
        except _BROKEN as exc:
            raise ClientGone from exc

    async def _read_body(self) -> bytes:
        # Past the body's end h11 would wait for a next request.
        while self._http.their_state is h11.SEND_BODY:
            event = await self._next_event()
            if isinstance(event, h11.Data) and event.data:
                return bytes(event.data)
        return b""

    async def _is_reusable(self) -> bool:
        """Throw away a rest of the body, within bounds, so that the next request can be read."""
        drained = 0
        if self._http.their_state is h11.SEND_BODY:
            with anyio.move_on_after(_DRAIN_SECONDS):
                while self._http.their_state is h11.SEND_BODY and drained < _DRAIN_BYTES:
                    if self._http.they_are_waiting_for_100_continue:
                        return False
                    drained += len(await self._read_body())
        return self._http.their_state is h11.DONE and self._http.our_state is h11.DONE

    # -- writing

    async def _send(self, answer: Answer) -> None:
        match answer:
            case Reply():
                await self._send_reply(answer)
            case Stream():
                await self._send_stream(answer)
            case Hijack():
                try:
                    await answer.session(lambda: self._accept(answer))
                except (anyio.BrokenResourceError, anyio.ClosedResourceError) as exc:
                    raise ClientGone from exc

    async def _send_reply(self, reply: Reply) -> None:
        headers = self._headers(reply.content_type, reply.headers)
        if reply.status not in _BODILESS:
            headers.append((b"Content-Length", b"%d" % len(reply.body)))
        data = self._start(reply.status, headers)
        if reply.body and not self._is_head_request:
            data += self._http.send(h11.Data(data=reply.body)) or b""
        await self._write(data + (self._http.send(h11.EndOfMessage()) or b""))

    async def _send_error(self, status: int, message: str) -> None:
        if self._head_is_sent:
            # Too late for a status: break off, which the client sees as an incomplete answer.
            self._must_close = True
        elif status in _BODILESS:
            await self._send_reply(Reply(status))
        else:
            await self._send_reply(Reply(status, encode(ErrorResponse(message=message)) + b"\n", JSON))

    async def _send_stream(self, answer: Stream) -> None:
        outbox = Outbox(answer.chunks)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outbox.fill)
            if self._http.their_state is h11.DONE:
                tasks.start_soon(self._watch, tasks.cancel_scope.cancel)
            await self._forward(outbox, answer)
            tasks.cancel_scope.cancel()
        if not outbox.is_finished:
            raise ClientGone
        await self._end_stream(answer, outbox.error)

    async def _forward(self, outbox: Outbox, answer: Stream) -> None:
        try:
            if answer.at_once:
                await anyio.lowlevel.checkpoint()  # the producer begins: an events' subscription stands before the head
                await self._write(self._start_stream(answer))
            while data := await outbox.take():
                head = b"" if self._head_is_sent else self._start_stream(answer)
                await self._write(head + (self._http.send(h11.Data(data=data)) or b""))
        except ClientGone:
            log.debug("a client went away before its stream ended")

    async def _end_stream(self, answer: Stream, error: Exception | None) -> None:
        tail = b""
        if error is not None:
            if not self._head_is_sent or answer.on_error is None:
                if self._head_is_sent and isinstance(error, EngineError):  # the client only sees that it breaks off
                    log.error("a stream broke off", exc_info=error)
                raise error
            if not isinstance(error, EngineError):
                log.error("a stream failed", exc_info=error)
            tail = self._http.send(h11.Data(data=answer.on_error(error))) or b""
        elif not self._head_is_sent:
            tail = self._start_stream(answer)
        await self._write(tail + (self._http.send(h11.EndOfMessage()) or b""))

    async def _watch(self, cancel: Callable[[], None]) -> None:
        """Call `cancel` when the client is gone. What it sends meanwhile (a next request) is kept, within bounds."""
        kept = 0
        while kept < READ_BYTES:
            try:
                data = await self._stream.receive(READ_BYTES)
            except (anyio.EndOfStream, *_BROKEN):
                cancel()
                return
            kept += len(data)
            self._http.receive_data(data)

    async def _accept(self, answer: Hijack) -> anyio.abc.ByteStream:
        """Send the head of a taken-over connection and give the connection, with what the client sent early."""
        while await self._read_body():
            log.debug("a body that a taken-over connection has no use for")
        self._head_is_sent = self._must_close = True
        head: bytes | None
        if answer.upgrade:
            accepting = [(name.encode(), value.encode()) for name, value in answer.upgrade]
            headers = [*accepting, *self._common]
            head = self._http.send(h11.InformationalResponse(status_code=101, headers=headers, reason=_reason(101)))
        elif self._wants_upgrade:
            headers = [
                (b"Content-Type", answer.content_type.encode()),
                (b"Connection", b"Upgrade"),
                (b"Upgrade", b"tcp"),
                *self._common,
            ]
            head = self._http.send(h11.InformationalResponse(status_code=101, headers=headers, reason=b"UPGRADED"))
        else:
            # Not h11's to write: an HTTP/1.1 answer of unknown length that is not followed by a close.
            # The type is the one of before there were two, as in Docker.
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {RAW_STREAM}\r\n\r\n".encode()
        await self._write_head(head or b"")
        early, _ = self._http.trailing_data
        return BareStream(self._stream, early)

    def _start_stream(self, answer: Stream) -> bytes:
        return self._start(answer.status, self._headers(answer.content_type, answer.headers))

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        self._head_is_sent = True
        return self._http.send(_response(status, tuple(headers))) or b""

    def _headers(self, content_type: str, more: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
        headers = [*self._common, (b"Date", _date(int(time.time())))]
        if content_type:
            headers.append((b"Content-Type", content_type.encode()))
        headers.extend((name.encode(), value.encode("latin-1")) for name, value in more)
        return headers

    async def _refuse(self, exc: h11.RemoteProtocolError) -> None:
        """Tell a client that does not speak HTTP so, if it still can hear it."""
        log.debug("malformed request: %s", exc)
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self._head_is_sent:
            try:
                await self._send_error(exc.error_status_hint, f"malformed request: {exc}")
            except ClientGone:
                log.debug("a client went away")

    async def _write_head(self, head: bytes) -> None:
        """Docker's Python library loses output that it reads together with the head of a taken-over connection."""
        if not isinstance(self._stream, UnixStream):
            await self._write(head)
            return
        try:
            await self._stream.send_apart(head, within_seconds=_HEAD_SECONDS)
        except _BROKEN as exc:
            raise ClientGone from exc

    async def _write(self, data: bytes | None) -> None:
        try:
            await self._stream.send(data or b"")
        except _BROKEN as exc:
            raise ClientGone from exc


@lru_cache(maxsize=64)
def _response(status: int, headers: tuple[tuple[bytes, bytes], ...]) -> h11.Response:
    """Answers to many requests of one kind have the same head for a second. h11 checks every header of a new one."""
    return h11.Response(status_code=status, headers=list(headers), reason=_reason(status))


def _reason(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode()


@lru_cache(maxsize=1)
def _common_headers(version: str, *, is_experimental: bool) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"Api-Version", API_VERSION.encode()),
        (b"Docker-Experimental", b"true" if is_experimental else b"false"),
        (b"Ostype", b"linux"),
        (b"Server", f"pycompose/{version} (linux)".encode()),
    )


@lru_cache(maxsize=1)
def _date(seconds: int) -> bytes:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds)).encode()


def _words(error: Exception) -> str:
    """What a client is told of an error that nobody foresaw; the system's own words need no class name."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        return "the system allows no more threads (hint: raise pids.max of the engine's cgroup, or ulimit -u)"
    return f"{type(error).__name__}: {error}"
