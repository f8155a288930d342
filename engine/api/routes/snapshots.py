"""What containers' file systems become: `/containers/{name}/changes`, `/containers/{name}/export`, `/commit`."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from msgspec import DecodeError, json

from engine.api.messages import Answer, Request, Stream, json_reply, required
from engine.api.outbox import closed_after
from engine.api.router import Route
from engine.api.services import Services
from engine.builder.changes import reconfigured
from engine.containers.files.commit import CommitOptions
from engine.errors import BadRequest
from engine.wire.codec import decode
from engine.wire.containers import ContainerConfig
from engine.wire.http import Query

_OCTETS = "application/octet-stream"


async def changes(services: Services, request: Request) -> Answer:
    """`GET /containers/{name}/changes`; null when there is none, as Docker has it."""
    found = await services.containers.changes(request.name)
    told = [{"Path": f"/{change.path.decode(errors='replace')}", "Kind": change.kind.value} for change in found]
    return json_reply(told or None)


async def export(services: Services, request: Request) -> Answer:
    """`GET /containers/{name}/export`: its files as a tar archive, without volumes."""
    return Stream(_archive(services, request.name), content_type=_OCTETS)


async def _archive(services: Services, name: str) -> AsyncGenerator[bytes, None]:
    async with closed_after(services.containers.export(name)) as chunks:
        async for chunk in chunks:
            yield chunk


async def commit(services: Services, request: Request) -> Answer:
    """`POST /commit`: an image of a container; 201 with its id."""
    query = request.query
    lines = query.texts("changes")
    options = CommitOptions(
        tag=tag_from(query),
        author=query.text("author"),
        comment=query.text("comment"),
        pauses=query.flag("pause", default=True),
        config=await _config(request),
        reconfigure=lambda config: reconfigured(config, lines),
    )
    image_id = await services.containers.commit(required(request, "container"), options)
    return json_reply({"Id": image_id}, 201)


def tag_from(query: Query) -> str:
    """The name in `repo` and `tag`, empty if there is none."""
    repository, tag = query.text("repo"), query.text("tag")
    return f"{repository}:{tag}" if repository and tag else repository


async def _config(request: Request) -> ContainerConfig | None:
    body = await request.body()
    try:
        said = json.decode(body) if body.strip() else None
    except DecodeError as exc:
        raise BadRequest(f"invalid JSON: {exc}") from exc
    return decode(body, ContainerConfig) if said else None


ROUTES = (
    Route("GET", "/containers/{name}/changes", changes),
    Route("GET", "/containers/{name}/export", export),
    Route("POST", "/commit", commit),
)
