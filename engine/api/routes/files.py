"""`/containers/{name}/archive`: files into and out of a container, as tar."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from typing import Final

from engine.api.messages import OK, Answer, Reply, Request, Stream, required
from engine.api.outbox import closed_after
from engine.api.router import Route
from engine.api.services import Services
from engine.errors import BadRequest
from engine.wire.codec import encode
from engine.wire.http import TAR

_STAT_HEADER: Final = "X-Docker-Container-Path-Stat"


async def stat(services: Services, request: Request) -> Answer:
    """`HEAD /containers/{name}/archive`: about the path, in a header."""
    return Reply(headers=(await _stat(services, request),))


async def get(services: Services, request: Request) -> Answer:
    """`GET /containers/{name}/archive`: the path as a tar stream."""
    header = await _stat(services, request, is_for_get=True)
    return Stream(_tar(services, request.name, _path(request)), content_type=TAR, headers=(header,))


async def put(services: Services, request: Request) -> Answer:
    """`PUT /containers/{name}/archive`: unpack the body (tar, perhaps compressed) into the directory."""
    query, path = request.query, _path(request)
    await services.containers.archive_put(
        request.name,
        path,
        request.chunks(),
        no_overwrite_dir_non_dir=query.flag("noOverwriteDirNonDir"),
        copy_uid_gid=query.flag("copyUIDGID"),
    )
    return OK


def _path(request: Request) -> str:
    path = required(request, "path")
    if "\0" in path:
        raise BadRequest("bad parameter: 'path' has a null byte")
    return path


async def _stat(services: Services, request: Request, *, is_for_get: bool = False) -> tuple[str, str]:
    facts = await services.containers.archive_stat(request.name, _path(request), is_for_get=is_for_get)
    return _STAT_HEADER, base64.b64encode(encode(facts)).decode()


async def _tar(services: Services, name: str, path: str) -> AsyncGenerator[bytes, None]:
    async with closed_after(services.containers.archive_get(name, path)) as chunks:
        async for chunk in chunks:
            yield chunk


ROUTES = (
    Route("HEAD", "/containers/{name}/archive", stat),
    Route("GET", "/containers/{name}/archive", get),
    Route("PUT", "/containers/{name}/archive", put),
)
