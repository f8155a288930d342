"""Images out of archives and into them: import (`POST /images/create?fromSrc=…`), load and save."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from engine.api.messages import Answer, Request, Stream, required
from engine.api.outbox import closed_after
from engine.api.platforms import platform_of, platform_text
from engine.api.progress import error_line, progress_lines
from engine.api.router import Route
from engine.api.routes.snapshots import tag_from
from engine.api.services import Services
from engine.builder.changes import reconfigured
from engine.errors import BadRequest
from engine.images.archives.taking_in import ImportOptions, download, source_url
from engine.images.inventory import tag_of
from engine.registry.platforms import Platform, host_platform
from engine.wire.containers import ContainerConfig
from engine.wire.images import Progress

_TAR: Final = "application/x-tar"
_PLATFORM_BEGAN: Final = (1, 48)


async def load(services: Services, request: Request) -> Answer:
    """`POST /images/load`: every image of an archive, with progress unless `quiet`.

    What is wrong with the archive is told in the stream, where libraries look for it, never by the status.
    """
    query = request.query
    lines = services.images.load(
        request.chunks(), platform=platform_text(query.text("platform")), quiet=query.flag("quiet")
    )
    return Stream(progress_lines(lines), at_once=True, on_error=error_line)


async def save(services: Services, request: Request) -> Answer:
    """`GET /images/get`: the images of `names` as one archive."""
    return _saved(services, request, request.query.texts("names"))


async def save_one(services: Services, request: Request) -> Answer:
    """`GET /images/{name}/get`: one image as an archive."""
    return _saved(services, request, [request.name])


def _saved(services: Services, request: Request, names: Sequence[str]) -> Stream:
    wanted = platform_of(request.query.text("platform")) if request.version >= _PLATFORM_BEGAN else None
    for name in names if wanted else ():
        services.images.check_platform(services.images.get(name), name, wanted)
    return Stream(services.images.save(names), content_type=_TAR)


def take_in(services: Services, request: Request) -> Answer:
    """`POST /images/create?fromSrc=`: an image of an archive, from the body (`-`) or from an address."""
    query = request.query
    source = required(request, "fromSrc")
    if (platform := query.text("platform")) and Platform.parse(platform).os != host_platform().os:
        raise BadRequest("operating system is not supported", hint="import without --platform, or for linux")
    options = ImportOptions(
        tag=tag_from(query),
        comment=query.text("message"),
        platform=platform,
        config=reconfigured(ContainerConfig(), query.texts("changes")),
    )
    if options.tag:
        tag_of(options.tag)  # refused before anything is read
    url = "" if source == "-" else source_url(source)
    return Stream(progress_lines(_import(services, request, url, options)), on_error=error_line)


async def _import(services: Services, request: Request, url: str, options: ImportOptions) -> AsyncIterator[Progress]:
    async with closed_after(download(url) if url else request.chunks()) as chunks:
        archive = chunks
        if url:
            archive = await _begun(chunks)
            yield Progress(status=f"Downloading from {url}")
        image_id = await services.images.take_in(archive, options)
    yield Progress(status=image_id)


async def _begun(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, of which the first is there: an address that leads nowhere is the answer's status."""
    first = await anext(chunks, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return whole()


ROUTES = (
    Route("GET", "/images/get", save),
    Route("POST", "/images/load", load),
    Route("GET", "/images/{name:path}/get", save_one),
)
