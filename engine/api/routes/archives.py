"""Images out of archives and into them: `POST /images/create?fromSrc=…`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from engine.api.messages import Answer, Request, Stream, required
from engine.api.outbox import closed_after
from engine.api.progress import error_line, progress_lines
from engine.api.routes.snapshots import tag_from
from engine.api.services import Services
from engine.builder.changes import reconfigured
from engine.images.library import tag_of
from engine.images.taking_in import ImportOptions, download, source_url
from engine.wire.containers import ContainerConfig
from engine.wire.images import Progress


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
