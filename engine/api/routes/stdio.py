"""`/containers/{name}/logs` and `/containers/{name}/attach`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from engine.api.hijack import PumpOptions, pump
from engine.api.messages import Accept, Answer, Hijack, Request, Stream
from engine.api.outbox import closed_after
from engine.api.router import Route
from engine.api.services import LogEntry, Services
from engine.api.websocket import WebSocketStream, upgrade_headers
from engine.containers.streams.options import AttachOptions, LogOptions
from engine.errors import BadRequest, as_failure
from engine.wire.detach import parse_detach_keys
from engine.wire.frames import frame
from engine.wire.http import RAW_STREAM, Query, stdio_content_type
from engine.wire.times import parse_time, rfc3339


async def logs(services: Services, request: Request) -> Answer:
    """`GET /containers/{name}/logs`: multiplexed frames, or bare bytes for a tty."""
    query = request.query
    if not (query.flag("stdout") or query.flag("stderr")):
        raise BadRequest("Bad parameters: you must choose at least one stream")
    options = LogOptions(
        follow=query.flag("follow"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        since_ns=_time(query, "since") or 0,
        until_ns=_time(query, "until"),
        tail=_tail(query.text("tail")),
    )
    is_tty = services.containers.is_tty(request.name)
    style = _Style(
        is_tty=is_tty,
        has_timestamps=query.flag("timestamps"),
        details=services.containers.log_details(request.name) if query.flag("details") else b"",
    )
    return Stream(
        _log_chunks(services, request.name, options, style),
        content_type=stdio_content_type(request.version, is_tty=is_tty),
        at_once=options.follow,  # the first line may be long in coming
    )


class _Style(Struct, frozen=True):
    """How messages are written: with what before each of them, and whether in frames."""

    is_tty: bool
    has_timestamps: bool
    details: bytes


async def _log_chunks(services: Services, name: str, options: LogOptions, style: _Style) -> AsyncGenerator[bytes, None]:
    async with closed_after(services.containers.logs(name, options)) as batches:
        async for batch in batches:
            yield b"".join(_written(batch, style))


def _written(batch: Iterable[LogEntry], style: _Style) -> Iterator[bytes]:
    time_ns, stamp = -1, b""
    for entry in batch:
        message = entry.message
        if style.details:
            message = style.details + message
        if style.has_timestamps:
            if entry.time_ns != time_ns:  # what was read together has the same time
                time_ns, stamp = entry.time_ns, f"{rfc3339(entry.time_ns)} ".encode()
            message = stamp + message
        yield message if style.is_tty else frame(entry.stream, message)


def _time(query: Query, name: str) -> int | None:
    """A parameter's time in nanoseconds; nothing and 0 mean no limit, as clients send them."""
    text = query.text(name)
    with as_failure():
        return parse_time(text) or None if text else None


def _tail(text: str) -> int | None:
    """The number of lines, None for all of them: what is not a number means all, as in Docker."""
    return int(text) if text.isdecimal() else None


async def attach(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/attach`: the connection becomes the container's stdio."""
    is_tty = services.containers.is_tty(request.name)
    options = _attach_options(request.query)
    pumping = _pump_options(request.query, options, is_tty=is_tty)

    async def session(accept: Accept) -> None:
        # Attached first: what the container says after the head was seen must not be lost.
        async with services.containers.attach(request.name, options) as console:
            await pump(console, await accept(), pumping)

    return Hijack(session, stdio_content_type(request.version, is_tty=is_tty))


async def attach_websocket(services: Services, request: Request) -> Answer:
    """`GET /containers/{name}/attach/ws`: the same in the messages of a WebSocket, where nothing is framed."""
    is_tty = services.containers.is_tty(request.name)
    options = _attach_options(request.query)
    if request.version < (1, 42):
        options = replace(options, stdin=True, stdout=True, stderr=True)
    pumping = replace(_pump_options(request.query, options, is_tty=is_tty), is_framed=False)

    async def session(accept: Accept) -> None:
        async with services.containers.attach(request.name, options) as console:
            client = WebSocketStream(await accept(), is_text=request.version < (1, 28))
            await pump(console, client, pumping)
            await client.send_eof()

    return Hijack(session, RAW_STREAM, upgrade_headers(request.headers))


def _attach_options(query: Query) -> AttachOptions:
    return AttachOptions(
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
    )


def _pump_options(query: Query, options: AttachOptions, *, is_tty: bool) -> PumpOptions:
    return PumpOptions(
        is_tty=is_tty,
        is_framed=not is_tty,
        stdin=options.stdin and options.stream,
        stdout=options.stdout,
        stderr=options.stderr,
        detach_keys=parse_detach_keys(query.text("detachKeys")),
    )


ROUTES = (
    Route("GET", "/containers/{name}/logs", logs),
    Route("POST", "/containers/{name}/attach", attach),
    Route("GET", "/containers/{name}/attach/ws", attach_websocket),
)
