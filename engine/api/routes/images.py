"""`/images/…`: pulling, listing, naming and removing images; `/distribution/…`: looking into registries."""

from __future__ import annotations

import contextlib
import time
from typing import Final

import msgspec

from engine.api.credentials import registry_auth
from engine.api.image_views import inspected, listed
from engine.api.messages import Answer, Reply, Request, Stream, json_reply, required
from engine.api.platforms import platform_of
from engine.api.progress import error_line, progress_lines
from engine.api.router import Route
from engine.api.routes.archives import take_in
from engine.api.services import Services
from engine.errors import BadRequest, NoSuchImage, as_failure
from engine.images.listing import Wish
from engine.registry.platforms import Platform
from engine.registry.reference import Reference
from engine.wire.filters import Filters, filter_flag, matches_labels, parse_filters
from engine.wire.images import ImageSummary
from engine.wire.times import moment, pruned_before

_FILTER_ENDED: Final = (1, 41)
_SHARED_SIZE_BEGAN: Final = (1, 42)
_HISTORY_PLATFORM_BEGAN: Final = (1, 48)
_INSPECT_PLATFORM_BEGAN: Final = (1, 49)
_REMOVAL_PLATFORMS_BEGAN: Final = (1, 50)
_CONTAINERS_BEGAN: Final = (1, 51)
_FILTERS: Final = frozenset({"before", "dangling", "label", "reference", "since", "until"})
_SEARCH_FILTERS: Final = frozenset({"is-official", "is-automated", "stars"})
_USUAL_LIMIT: Final = 25
_MOST_RESULTS: Final = 100
_PRUNE_FILTERS: Final = frozenset({"dangling", "label", "label!", "until"})


async def create(services: Services, request: Request) -> Answer:
    """`POST /images/create`: pull, with progress as lines of JSON; a failure half-way is the last line.

    A name without tag and digest means all tags, as it does for Docker (`docker pull --all-tags`).
    """
    image, tag = request.query.text("fromImage").removesuffix(":"), request.query.text("tag")
    if not image:
        return take_in(services, request)
    reference = Reference.parse(image)
    if tag:
        reference = reference.named(tag)
    auth, platform = registry_auth(request.headers), request.query.text("platform")
    Platform.parse(platform)  # what is none is not looked for in registries
    pull = services.images.pull if reference.suffix else services.images.pull_all
    lines = pull(reference.canonical, platform=platform, auth=auth)
    return Stream(progress_lines(lines), on_error=error_line)


async def push(services: Services, request: Request) -> Answer:
    """`POST /images/{name}/push`: one tag, or without one all of the repository's."""
    tag = request.query.text("tag")
    name = f"{request.name}:{tag}" if tag else request.name
    platform = platform_of(request.query.text("platform"))
    if platform:
        with contextlib.suppress(NoSuchImage):  # which the stream tells of
            services.images.check_platform(services.images.get(name), name, platform)
    lines = services.images.push(name, platform=str(platform or ""), auth=registry_auth(request.headers))
    return Stream(progress_lines(lines), on_error=error_line)


async def search(services: Services, request: Request) -> Answer:
    """`GET /images/search`."""
    filters = parse_filters(request.query.text("filters"), _SEARCH_FILTERS)
    limit = request.query.number("limit") or _USUAL_LIMIT
    if not 1 <= limit <= _MOST_RESULTS:
        raise BadRequest(f"limit {limit} is outside the range of [1, {_MOST_RESULTS}]")
    found = await services.images.search(required(request, "term"), limit=limit, auth=registry_auth(request.headers))
    official = filter_flag(filters, "is-official")
    stars = [number for text in filters.get("stars", ()) if (number := _stars(text))]
    return json_reply(
        [
            result
            for result in found
            if official in (None, result.is_official) and all(result.star_count >= number for number in stars)
        ]
    )


def _stars(text: str) -> int:
    if not text.isdecimal():
        raise BadRequest(f"invalid filter 'stars={text}'")
    return int(text)


async def listing(services: Services, request: Request) -> Answer:
    """`GET /images/json`, newest first. That images may be lists of manifests (`manifests=1`) is not so here."""
    query, version = request.query, request.version
    filters = parse_filters(query.text("filters"), _FILTERS)
    if version < _FILTER_ENDED and (old := query.text("filter")):
        filters = {**filters, "reference": (*filters.get("reference", ()), old)}
    found = services.images.listed(_wish(services, filters, everything=query.flag("all")))
    if query.flag("shared-size") and version >= _SHARED_SIZE_BEGAN:
        shared = (await services.images.disk_use()).shared_bytes
        found = [msgspec.structs.replace(one, shared_size=shared.get(one.id, 0)) for one in found]
    if version >= _CONTAINERS_BEGAN:
        users = services.containers.image_users
        found = [msgspec.structs.replace(one, containers=len(users(one.id))) for one in found]
    return json_reply([listed(one, version) for one in found])


def _wish(services: Services, filters: Filters, *, everything: bool) -> Wish:
    """What the filters mean. Raises `BadRequest`, and `NoSuchImage` for an image that they name."""

    def created(name: str) -> int:
        return services.images.created_ns(services.images.get(name))

    now_ns = time.time_ns()
    before = [created(name) for name in filters.get("before", ())]
    with as_failure():
        before += [moment(text, now_ns) for text in filters.get("until", ())]
    return Wish(
        everything=everything,
        dangling=filter_flag(filters, "dangling"),
        labels=filters.get("label", ()),
        references=filters.get("reference", ()),
        before_ns=min(before, default=None),
        since_ns=max((created(name) for name in filters.get("since", ())), default=None),
    )


async def inspect(services: Services, request: Request) -> Answer:
    """`GET /images/{name}/json`."""
    platform = platform_of(request.query.text("platform")) if request.version >= _INSPECT_PLATFORM_BEGAN else None
    if platform and request.query.flag("manifests"):
        raise BadRequest("conflicting options: manifests and platform options cannot both be set")
    image = services.images.get(request.name)
    services.images.check_platform(image, request.name, platform)
    return json_reply(inspected(services.images.inspect(image), request.version))


async def distribution(services: Services, request: Request) -> Answer:
    """`GET /distribution/{name}/json`: what the name stands for in its registry."""
    auth = registry_auth(request.headers)
    return json_reply(await services.images.distribution(request.name, auth=auth))


async def history(services: Services, request: Request) -> Answer:
    """`GET /images/{name}/history`."""
    platform = platform_of(request.query.text("platform")) if request.version >= _HISTORY_PLATFORM_BEGAN else None
    image = services.images.get(request.name)
    services.images.check_platform(image, request.name, platform)
    return json_reply(services.images.history(image))


async def tag(services: Services, request: Request) -> Answer:
    """`POST /images/{name}/tag`."""
    await services.images.tag(request.name, required(request, "repo"), request.query.text("tag") or "latest")
    return Reply(201)


async def remove(services: Services, request: Request) -> Answer:
    """`DELETE /images/{name}`: 409 if a container uses it. An image is for one platform: for no other is it there."""
    texts = request.query.texts("platforms") if request.version >= _REMOVAL_PLATFORMS_BEGAN else []
    platforms = [platform_of(text) for text in texts]
    if len(platforms) > 1:
        raise BadRequest("multiple platforms are not supported")
    for platform in platforms:
        services.images.check_platform(services.images.get(request.name), request.name, platform)
    done = await services.images.remove(
        request.name,
        force=request.query.flag("force"),
        used_by=services.containers.image_users,
        with_parents=not request.query.flag("noprune"),
    )
    return json_reply(done)


async def prune(services: Services, request: Request) -> Answer:
    """`POST /images/prune`: remove unused images, those without a name unless `dangling=false`."""
    filters = parse_filters(request.query.text("filters"), _PRUNE_FILTERS)
    before_ns = pruned_before(filters.get("until", ()), time.time_ns())
    only_dangling = filter_flag(filters, "dangling") is not False
    with services.prunes.only_one("images"):
        deleted, reclaimed_bytes = await services.images.prune(
            only_dangling=only_dangling,
            used_by=services.containers.image_users,
            spares=lambda image: not _is_prunable(services.images.summary(image), filters, before_ns),
        )
    return json_reply({"ImagesDeleted": deleted or None, "SpaceReclaimed": reclaimed_bytes})


def _is_prunable(summary: ImageSummary, filters: Filters, before_ns: int) -> bool:
    excluded = filters.get("label!", ())
    return (
        matches_labels(summary.labels, filters.get("label", ()))
        and not (excluded and matches_labels(summary.labels, excluded))
        and summary.created * 1_000_000_000 <= before_ns
    )


async def remove_nothing(services: Services, request: Request) -> Answer:
    """`DELETE /images/`, which a client sends for an empty name."""
    raise BadRequest("image name cannot be blank")


ROUTES = (
    Route("GET", "/images/json", listing),
    Route("GET", "/images/search", search),
    Route("POST", "/images/create", create),
    Route("POST", "/images/prune", prune),
    Route("GET", "/images/{name:path}/history", history),
    Route("GET", "/images/{name:path}/json", inspect),
    Route("POST", "/images/{name:path}/push", push),
    Route("POST", "/images/{name:path}/tag", tag),
    Route("DELETE", "/images/", remove_nothing),
    Route("DELETE", "/images/{name:path}", remove),
    Route("GET", "/distribution/{name:path}/json", distribution),
)
