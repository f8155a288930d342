"""`/images/…`: pulling, listing, naming and removing images; `/distribution/…`: looking into registries."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from engine.api.credentials import registry_auth
from engine.api.messages import Answer, Reply, Request, Stream, json_reply, required
from engine.api.progress import error_line, progress_lines
from engine.api.router import Route
from engine.api.routes.archives import take_in
from engine.api.services import Services
from engine.errors import BadRequest
from engine.registry.reference import Reference
from engine.wire.codec import decode
from engine.wire.filters import Filters, filter_flag, matches_labels, parse_filters
from engine.wire.images import ImageSummary
from engine.wire.times import moment

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
    reference = image if not tag else f"{image}@{tag}" if ":" in tag else f"{image}:{tag}"
    auth = registry_auth(request.headers)
    pull = services.images.pull if Reference.parse(reference).suffix else services.images.pull_all
    lines = pull(reference, platform=request.query.text("platform"), auth=auth)
    return Stream(progress_lines(lines), on_error=error_line)


async def push(services: Services, request: Request) -> Answer:
    """`POST /images/{name}/push`: one tag, or without one all of the repository's."""
    tag = request.query.text("tag")
    name = f"{request.name}:{tag}" if tag else request.name
    platform = _platform(request.query.text("platform"))
    lines = services.images.push(name, platform=platform, auth=registry_auth(request.headers))
    return Stream(progress_lines(lines), on_error=error_line)


def _platform(text: str) -> str:
    """The platform of a push comes as JSON (`{"os": "linux", "architecture": "arm64"}`)."""
    if not text:
        return ""
    parts = decode(text.encode(), dict[str, str])
    return "/".join(part for key in ("os", "architecture", "variant") if (part := parts.get(key, "")))


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
    """`GET /images/json`, newest first."""
    filters = parse_filters(request.query.text("filters"), _FILTERS)
    summaries = [services.images.summary(image) for image in services.images.all()]
    if not request.query.flag("all"):
        parents = {summary.parent_id for summary in summaries}
        summaries = [one for one in summaries if one.repo_tags or one.repo_digests or one.id not in parents]
    if request.query.flag("shared-size"):
        shared = (await services.images.disk_use()).shared_bytes
        summaries = [msgspec.structs.replace(one, shared_size=shared.get(one.id, 0)) for one in summaries]
    if old := request.query.text("filter"):
        filters = {**filters, "reference": (*filters.get("reference", ()), old)}
    matching = [summary for summary in summaries if _matches(services, summary, filters)]
    return json_reply(sorted(matching, key=lambda summary: summary.created, reverse=True))


def _matches(services: Services, summary: ImageSummary, filters: Filters) -> bool:
    dangling = filter_flag(filters, "dangling")
    names = [*summary.repo_tags, *summary.repo_digests]
    return (
        (dangling is None or dangling == (not summary.repo_tags))
        and matches_labels(summary.labels, filters.get("label", ()))
        and matches_reference(names, filters.get("reference", ()))
        and all(summary.created < _created(services, name) for name in filters.get("before", ()))
        and all(summary.created > _created(services, name) for name in filters.get("since", ()))
    )


def _created(services: Services, name: str) -> int:
    return services.images.summary(services.images.get(name)).created


def matches_reference(names: list[str], wanted: tuple[str, ...]) -> bool:
    """Whether one of the names fits one of the patterns: with its tag, without it, or by its last part."""
    from fnmatch import fnmatchcase

    def forms(name: str) -> set[str]:
        bare = name.partition("@")[0]
        head, _, tail = bare.rpartition("/")
        untagged = f"{head}/{tail.partition(':')[0]}".removeprefix("/")
        return {name, bare, untagged}

    return not wanted or any(fnmatchcase(form, item) for name in names for form in forms(name) for item in wanted)


async def inspect(services: Services, request: Request) -> Answer:
    """`GET /images/{name}/json`."""
    return json_reply(services.images.inspect(services.images.get(request.name)))


async def distribution(services: Services, request: Request) -> Answer:
    """`GET /distribution/{name}/json`: what the name stands for in its registry."""
    auth = registry_auth(request.headers)
    return json_reply(await services.images.distribution(request.name, auth=auth))


async def history(services: Services, request: Request) -> Answer:
    """`GET /images/{name}/history`."""
    return json_reply(services.images.history(services.images.get(request.name)))


async def tag(services: Services, request: Request) -> Answer:
    """`POST /images/{name}/tag`."""
    await services.images.tag(request.name, required(request, "repo"), request.query.text("tag") or "latest")
    return Reply(201)


async def remove(services: Services, request: Request) -> Answer:
    """`DELETE /images/{name}`: 409 if a container uses it."""
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
    now_ns = time.time_ns()
    limits = [moment(text, now_ns) for text in filters.get("until", ())]
    deleted, reclaimed_bytes = await services.images.prune(
        only_dangling=filter_flag(filters, "dangling") is not False,
        used_by=services.containers.image_users,
        spares=lambda image: not _is_prunable(services.images.summary(image), filters, limits),
    )
    return json_reply({"ImagesDeleted": deleted or None, "SpaceReclaimed": reclaimed_bytes})


def _is_prunable(summary: ImageSummary, filters: Filters, limits: Sequence[int]) -> bool:
    excluded = filters.get("label!", ())
    return (
        matches_labels(summary.labels, filters.get("label", ()))
        and not (excluded and matches_labels(summary.labels, excluded))
        and all(summary.created * 1_000_000_000 <= limit for limit in limits)
    )


ROUTES = (
    Route("GET", "/images/json", listing),
    Route("GET", "/images/search", search),
    Route("POST", "/images/create", create),
    Route("POST", "/images/prune", prune),
    Route("GET", "/images/{name:path}/history", history),
    Route("GET", "/images/{name:path}/json", inspect),
    Route("POST", "/images/{name:path}/push", push),
    Route("POST", "/images/{name:path}/tag", tag),
    Route("DELETE", "/images/{name:path}", remove),
    Route("GET", "/distribution/{name:path}/json", distribution),
)
