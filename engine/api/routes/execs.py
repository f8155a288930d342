"""`/containers/{name}/exec` and `/exec/…`: further processes in a running container."""

from __future__ import annotations

from msgspec import structs

from engine.api.hijack import PumpOptions, pump
from engine.api.messages import OK, Accept, Answer, Hijack, Request, json_reply
from engine.api.router import Route
from engine.api.routes.containers import console_size
from engine.api.services import Services
from engine.errors import BadRequest, EngineError, as_failure
from engine.wire.containers import ExecCreateRequest, ExecStartRequest
from engine.wire.detach import parse_detach_keys
from engine.wire.frames import STDOUT, frame
from engine.wire.http import stdio_content_type


async def create(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/exec`: 201, 409 if the container does not run."""
    body = await request.decode(ExecCreateRequest)
    if not body.cmd:
        raise BadRequest("No exec command specified")
    with as_failure():
        parse_detach_keys(body.detach_keys)
    return json_reply(await services.containers.exec_create(request.name, body), 201)


async def start(services: Services, request: Request) -> Answer:
    """`POST /exec/{name}/start`: 200 at once if detached, else the connection becomes the process's stdio.

    Whether that is bare or framed is said by this request's `Tty`, whatever the process has: libraries that leave
    it away unpack frames.
    """
    body = await request.decode(ExecStartRequest)
    exec_id = request.name
    is_tty = services.containers.exec_is_tty(exec_id)
    if not body.tty or request.version < (1, 42):
        body = structs.replace(body, console_size=None)
    if body.detach:
        await services.containers.exec_start(exec_id, body)
        return OK
    about = services.containers.exec_inspect(exec_id)
    services.containers.exec_check(exec_id)
    options = PumpOptions(
        is_tty=is_tty,
        is_framed=not body.tty,
        stdin=about.open_stdin,
        stdout=about.open_stdout,
        stderr=about.open_stderr and not body.tty,  # bare output has one stream
        detach_keys=parse_detach_keys(about.detach_keys),
    )

    async def session(accept: Accept) -> None:
        # The head goes first, as in Docker: docker-py loses output that arrives together with the head.
        client = await accept()
        try:
            process = await services.containers.exec_start(exec_id, body)
        except EngineError as exc:
            # What cannot be run is told in the stream; its exit code is in the inspection.
            message = f"{exc.message}\r\n".encode()
            await client.send(message if body.tty else frame(STDOUT, message))
            return
        if process is not None:
            try:
                await pump(process, client, options)
            finally:
                await process.aclose()

    return Hijack(session, stdio_content_type(request.version, is_tty=body.tty))


async def inspect(services: Services, request: Request) -> Answer:
    """`GET /exec/{name}/json`."""
    return json_reply(services.containers.exec_inspect(request.name))


async def resize(services: Services, request: Request) -> Answer:
    """`POST /exec/{name}/resize` of a tty."""
    height, width = console_size(request)
    await services.containers.exec_resize(request.name, height, width)
    return OK


ROUTES = (
    Route("POST", "/containers/{name}/exec", create),
    Route("POST", "/exec/{name}/start", start),
    Route("POST", "/exec/{name}/resize", resize),
    Route("GET", "/exec/{name}/json", inspect),
)
