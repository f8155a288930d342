"""`/containers/…`: making, listing and steering containers (stdio is in `stdio.py`, files in `files.py`)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable
from typing import Final

import anyio
import msgspec
from msgspec import UNSET

from engine.api.messages import NO_CONTENT, OK, Answer, Request, Stream, json_reply
from engine.api.older import as_of
from engine.api.router import Route
from engine.api.services import Services
from engine.api.sizes import with_sizes
from engine.errors import BadRequest, EngineError, NoSuchContainer, as_failure, saying
from engine.wire.codec import encode
from engine.wire.containers import ContainerCreateRequest, ContainerWaitResponse, HostConfig, WaitExitError
from engine.wire.filters import parse_filters
from engine.wire.shown import shown
from engine.wire.stats import ContainerStats

_FILTERS: Final = frozenset(
    {
        "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
        "publish", "since", "status", "volume",
    }
)  # fmt: skip
_PRUNE_FILTERS: Final = frozenset({"label", "label!", "until"})
_UNCHANGED_DEVICES: Final = (
    "blkio_weight_device", "blkio_device_read_bps", "blkio_device_write_bps", "blkio_device_read_iops",
    "blkio_device_write_iops",
)  # fmt: skip
_SAMPLE_SECONDS: Final = 1.0
# Docker takes a `start` with so little in its body (`{}`, `null`) for one without.
_NO_SETTINGS_BYTES: Final = 7
_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")


async def create(services: Services, request: Request) -> Answer:
    """`POST /containers/create`: 201, 404 for a missing image, 409 for a taken name."""
    name = request.query.text("name")
    if name and not _NAME.fullmatch(name):
        raise BadRequest(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    body = as_of(await request.decode(ContainerCreateRequest), request.version)
    platform = request.query.text("platform") if request.version >= (1, 41) else ""
    return json_reply(await services.containers.create(name.removeprefix("/"), body, platform=platform), 201)


async def listing(services: Services, request: Request) -> Answer:
    """`GET /containers/json`; a limit implies those that are not running."""
    with as_failure():
        limit = request.query.number("limit") or 0
    summaries = services.containers.summaries(
        everything=request.query.flag("all") or limit > 0,
        limit=limit,
        filters=parse_filters(request.query.text("filters"), _FILTERS),
    )
    return json_reply(await with_sizes(services.containers, summaries) if request.query.flag("size") else summaries)


async def inspect(services: Services, request: Request) -> Answer:
    """`GET /containers/{name}/json`."""
    inspected = services.containers.inspect(request.name)
    if request.query.flag("size"):
        sizes = (await services.containers.sizes([inspected.id]))[inspected.id]
        inspected = msgspec.structs.replace(inspected, size_rw=sizes.written_bytes, size_root_fs=sizes.all_bytes)
    return json_reply(shown(inspected))


async def start(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/start`: 204, or 304 if it runs. `checkpoint` has it go on from there."""
    checkpoint = request.query.text("checkpoint")
    if checkpoint and services.system.identity.forbids_experiments:
        raise BadRequest("checkpoint is only supported in experimental mode")
    if len(await request.body()) > _NO_SETTINGS_BYTES:
        raise BadRequest(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"
        )
    await services.containers.start(
        request.name,
        detach_keys=request.query.text("detachKeys"),
        checkpoint=checkpoint,
        checkpoint_directory=request.query.text("checkpoint-dir"),
    )
    return NO_CONTENT


async def stop(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/stop`: 204, or 304 if it does not run."""
    seconds, signal = _grace(request)
    await services.containers.stop(request.name, timeout_seconds=seconds, signal=signal)
    return NO_CONTENT


async def restart(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/restart`."""
    seconds, signal = _grace(request)
    await services.containers.restart(request.name, timeout_seconds=seconds, signal=signal)
    return NO_CONTENT


async def kill(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/kill`: 409 if it does not run."""
    with saying(f"cannot kill container: {request.name}"):
        await services.containers.kill(request.name, signal=request.query.text("signal") or "SIGKILL")
    return NO_CONTENT


async def pause(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/pause`."""
    await services.containers.pause(request.name)
    return NO_CONTENT


async def unpause(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/unpause`."""
    await services.containers.unpause(request.name)
    return NO_CONTENT


async def rename(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/rename`."""
    await services.containers.rename(request.name, request.query.text("name"))
    return NO_CONTENT


async def remove(services: Services, request: Request) -> Answer:
    """`DELETE /containers/{name}`: 409 if it runs and `force` is not set."""
    return await _remove(services, request, request.name)


async def remove_link(services: Services, request: Request) -> Answer:
    """`DELETE /containers/{name}/{alias}`: with `link` the link, else the container that `name` links to."""
    return await _remove(services, request, f"{request.name}/{request.params['alias']}")


async def _remove(services: Services, request: Request, name: str) -> Answer:
    query = request.query
    await services.containers.remove(name, force=query.flag("force"), volumes=query.flag("v"), link=query.flag("link"))
    return NO_CONTENT


async def wait(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/wait`: the head goes out as soon as the wait is registered.

    `docker run` starts the container only after it has seen that head, so no exit is missed.
    """
    condition = request.query.text("condition") or "not-running"
    if condition not in ("not-running", "next-exit", "removed"):
        raise BadRequest(f'invalid condition: "{condition}"')
    result = services.containers.waiter(request.name, condition)
    return Stream(_wait_result(result), at_once=request.version >= (1, 30))


async def _wait_result(result: Awaitable[ContainerWaitResponse]) -> AsyncGenerator[bytes, None]:
    try:
        answer = await result
    except EngineError as exc:
        answer = ContainerWaitResponse(status_code=-1, error=WaitExitError(message=str(exc)))
    yield encode(answer) + b"\n"


async def resize(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/resize` of a tty."""
    height, width = console_size(request)
    await services.containers.resize(request.name, height, width)
    return OK


async def top(services: Services, request: Request) -> Answer:
    """`GET /containers/{name}/top`."""
    return json_reply(await services.containers.top(request.name, request.query.text("ps_args") or "-ef"))


async def stats(services: Services, request: Request) -> Answer:
    """`GET /containers/{name}/stats`: a sample each second, or one (which takes a second, unless `one-shot` does
    without the sample before it).
    """
    goes_on, is_single = request.query.flag("stream", default=True), request.query.flag("one-shot")
    if goes_on and is_single:
        raise BadRequest("cannot have stream=true and one-shot=true")
    first = await services.containers.stats(request.name)
    if is_single or (not goes_on and first.cpu_stats.online_cpus is UNSET):  # nothing comes of waiting for no process
        return json_reply(first)
    samples = _samples(services, request.name, first, goes_on=goes_on)
    return Stream(samples, at_once=True)


async def _samples(
    services: Services, name: str, before: ContainerStats, *, goes_on: bool
) -> AsyncGenerator[bytes, None]:
    if goes_on:
        yield encode(before) + b"\n"
    while True:
        await anyio.sleep(_SAMPLE_SECONDS)
        try:
            now = await services.containers.stats(name)
        except NoSuchContainer:
            return  # removed meanwhile
        now = msgspec.structs.replace(now, preread=before.read, precpu_stats=before.cpu_stats)
        yield encode(now) + b"\n"
        if not goes_on:
            return
        before = now


async def prune(services: Services, request: Request) -> Answer:
    """`POST /containers/prune`: remove those that do not run."""
    filters = parse_filters(request.query.text("filters"), _PRUNE_FILTERS)
    with services.prunes.only_one("containers"):
        removed, reclaimed_bytes = await services.containers.prune(filters)
    return json_reply({"ContainersDeleted": removed or None, "SpaceReclaimed": reclaimed_bytes})


async def update(services: Services, request: Request) -> Answer:
    """`POST /containers/{name}/update`: limits and restart policy, at once if it lives."""
    wish = await request.decode(HostConfig)
    if request.version < (1, 55):
        # Until then Docker took no notice of them.
        wish = msgspec.structs.replace(wish, **{name: [] for name in _UNCHANGED_DEVICES})
    return json_reply(await services.containers.update(request.name, wish))


def console_size(request: Request) -> tuple[int, int]:
    """Height and width of a terminal in characters. Raises `BadRequest`."""
    return _characters("height", request.query.text("h")), _characters("width", request.query.text("w"))


def _characters(what: str, text: str) -> int:
    if not re.fullmatch(r"-?\d+", text):
        raise BadRequest(f'invalid resize {what} "{text}": invalid syntax')
    if not 0 <= int(text) < 65536:
        raise BadRequest(f'invalid resize {what} "{text}": value out of range')
    return int(text)


def _grace(request: Request) -> tuple[int | None, str]:
    """How long to wait before SIGKILL in seconds (None: the container's own) and the first signal."""
    with as_failure():
        return request.query.number("t"), request.query.text("signal")


ROUTES = (
    Route("GET", "/containers/json", listing),
    Route("POST", "/containers/create", create),
    Route("POST", "/containers/prune", prune),
    Route("GET", "/containers/{name:path}/json", inspect),  # `web/db` is what `web` links to as `db`
    Route("GET", "/containers/{name}/top", top),
    Route("GET", "/containers/{name}/stats", stats),
    Route("POST", "/containers/{name}/start", start),
    Route("POST", "/containers/{name}/stop", stop),
    Route("POST", "/containers/{name}/restart", restart),
    Route("POST", "/containers/{name}/kill", kill),
    Route("POST", "/containers/{name}/pause", pause),
    Route("POST", "/containers/{name}/unpause", unpause),
    Route("POST", "/containers/{name}/rename", rename),
    Route("POST", "/containers/{name}/wait", wait),
    Route("POST", "/containers/{name}/resize", resize),
    Route("POST", "/containers/{name}/update", update),
    Route("DELETE", "/containers/{name}", remove),
    Route("DELETE", "/containers/{name}/{alias}", remove_link),
)
