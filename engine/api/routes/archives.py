"""Images out of archives and into them: import (`POST /images/create?fromSrc=…`), load and save."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from engine.api.messages import Answer, Request, Stream, required
from engine.api.outbox import closed_after
from engine.api.platforms import platform_text
from engine.api.progress import error_line, progress_lines
from engine.api.router import Route
from engine.api.routes.snapshots import tag_from
from engine.api.services import Services
from engine.builder.changes import reconfigured
from engine.images.inventory import tag_of
from engine.images.taking_in import ImportOptions, download, source_url
from engine.wire.containers import ContainerConfig
from engine.wire.images import Progress

_TAR: Final = "application/x-tar"


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
    return Stream(services.images.save(request.query.texts("names")), content_type=_TAR)


async def save_one(services: Services, request: Request) -> Answer:
    """`GET /images/{name}/get`: one image as an archive."""
    return Stream(services.images.save([request.name]), content_type=_TAR)


def take_in(services: Services, request: Request) -> Answer:
    """`POST /images/create?fromSrc=`: an image of an archive, from the body (`-`) or from an address."""
    query = request.query
    source = required(request, "fromSrc")
    options = ImportOptions(
        tag=tag_from(query),
        comment=query.text("message"),
        platform=query.text("platform"),
        config=reconfigured(ContainerConfig(), query.texts("changes")),
    )
    if options.tag:
        tag_of(options.tag)  # refused before anything is read
    url = "" if source == "-" else source_url(source)
    return Stream(progress_lines(_import(services, request, url, options)), on_error=error_line)


async def _import(services: Services, request: Request, url: str, options: ImportOptions) -> AsyncIterator[Progress]:
    if url:
        yield Progress(status=f"Downloading from {url}")
    async with closed_after(download(url) if url else request.chunks()) as archive:
        image_id = await services.images.take_in(archive, options)
    yield Progress(status=image_id)


ROUTES = (
    Route("GET", "/images/get", save),
    Route("POST", "/images/load", load),
    Route("GET", "/images/{name:path}/get", save_one),
)
