"""`/build…`: images from Dockerfiles by the classic API, as `DOCKER_BUILDKIT=0 docker build` and docker-py use it.

Some parameters are this engine's own, and Docker ignores them: `pycompose-extras` names the directory of the context
in which named contexts come along, `pycompose-contexts` and `pycompose-ssh` are JSON objects by name,
`pycompose-enclosed` is the length of what comes in front of the context (`Enclosure`), `pycompose-check` wants the
Dockerfile looked at only,
`pycompose-cache-from` and `pycompose-cache-to` are lists as `cachefrom` is, of what docker buildx takes for these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from engine.api.credentials import registry_config
from engine.api.messages import OK, Answer, Request, Stream, json_reply
from engine.api.progress import error_line as plain_error_line
from engine.api.progress import progress_lines
from engine.api.router import Route
from engine.api.services import Services
from engine.builder.dockerfile.durations import nanoseconds
from engine.builder.dockerfile.problem import Misspelt
from engine.builder.failure import StepFailed
from engine.builder.order import BuildOrder
from engine.builder.usage import Bounds, CacheUsage
from engine.errors import BadRequest, NotImplementedHere, as_failure
from engine.images.inventory import tag_of
from engine.wire.codec import encode
from engine.wire.containers import Ulimit
from engine.wire.filters import Filters, filter_flag, parse_filters
from engine.wire.http import Query
from engine.wire.images import ErrorDetail, Progress
from engine.wire.times import parse_time, rfc3339
from engine.wire.typed import from_json

_PRUNE_FILTERS: Final = frozenset(
    {"id", "parent", "type", "description", "inuse", "shared", "private", "until", "unused-for", "label", "label!"}
)
_BOUNDS: Final = ("max-used-space", "reserved-space", "keep-storage", "min-free-space")
T = TypeVar("T")


async def build(services: Services, request: Request) -> Answer:
    """`POST /build`: the body is the context; what happens comes as lines of JSON, a failure as the last one."""
    order = order_of(request)
    if request.query.flag("pycompose-check"):
        return Stream(progress_lines(services.builder.check(order, request.chunks())), on_error=error_line)
    ready = await services.builder.receive(order, request.chunks(), build_id=request.query.text("buildid"))
    return Stream(progress_lines(ready.lines()), on_error=error_line)


def error_line(error: Exception) -> bytes:
    """The line that ends a build which failed; its code is that of the program that did."""
    if isinstance(error, StepFailed) and error.exit_code:
        message = str(error)
        detail = ErrorDetail(code=error.exit_code, message=message)
        return encode(Progress(error=message, error_detail=detail)) + b"\r\n"
    return plain_error_line(error)


def order_of(request: Request) -> BuildOrder:
    """A request's parameters. Raises `BadRequest`, `NotImplementedHere`."""
    query = request.query
    if query.text("version") == "2" or query.text("remote") == "client-session":
        raise NotImplementedHere(
            "BuildKit's builds do not come by this way",
            hint="install the buildx plugin, or set DOCKER_BUILDKIT=0 for docker build",
        )
    if query.flag("squash"):
        raise BadRequest("squash is only supported with experimental mode", hint="this engine has none: leave it away")
    if query.texts("outputs") and query.text("outputs") not in ("", "[]"):
        raise NotImplementedHere("build outputs are not implemented by this engine")
    with as_failure():
        for tag in filter(None, query.texts("t")):
            tag_of(tag)  # refused before anything is read
    platform = query.text("platform")
    own_sources, sources = _texts(query, "pycompose-cache-from"), _texts(query, "cachefrom")
    return BuildOrder(
        dockerfile=query.text("dockerfile") or "Dockerfile",
        tags=tuple(tag for tag in query.texts("t") if tag),
        remote=query.text("remote"),
        target=query.text("target"),
        args=_json(query.text("buildargs"), dict[str, str | None], "buildargs", dict),
        labels=_json(query.text("labels"), dict[str, str], "labels", dict),
        no_cache=query.flag("nocache"),
        pull=query.flag("pull"),
        is_quiet=query.flag("q"),
        is_trusted=query.flag("pycompose-insecure"),
        cache_from=tuple(own_sources or sources),
        uses_only_cache_from=bool(sources and not own_sources),
        cache_to=tuple(_texts(query, "pycompose-cache-to")),
        network=query.text("networkmode"),
        platform=platform,
        extra_hosts=_hosts(query.texts("extrahosts")),
        shm_size=query.number("shmsize") or 0,
        memory=query.number("memory") or 0,
        memory_swap=query.number("memswap") or 0,
        cpu_shares=query.number("cpushares") or 0,
        cpu_period=query.number("cpuperiod") or 0,
        cpu_quota=query.number("cpuquota") or 0,
        cpuset_cpus=query.text("cpusetcpus"),
        cpuset_mems=query.text("cpusetmems"),
        cgroup_parent=query.text("cgroupparent"),
        ulimits=tuple(_json(query.text("ulimits"), list[Ulimit], "ulimits", list)),
        registries=registry_config(request.headers),
        contexts=_json(query.text("pycompose-contexts"), dict[str, str], "pycompose-contexts", dict),
        ssh=_json(query.text("pycompose-ssh"), dict[str, str], "pycompose-ssh", dict),
        extras=query.text("pycompose-extras"),
        enclosed_bytes=query.number("pycompose-enclosed") or 0,
    )


def _texts(query: Query, name: str) -> list[str]:
    return _json(query.text(name), list[str], name, list)


def _json(text: str, kind: type[T], name: str, empty: Callable[[], T]) -> T:
    """A parameter in JSON, as Docker has them. Raises `BadRequest`."""
    if not text or text == "null":
        return empty()
    try:
        return from_json(text.encode(), kind)
    except (msgspec.DecodeError, UnicodeEncodeError) as exc:
        raise BadRequest(f"invalid parameter {name}: {exc}") from exc


def _hosts(values: list[str]) -> tuple[str, ...]:
    """Extra hosts: docker repeats the parameter or joins with commas, docker-py sends a JSON object."""
    found: list[str] = []
    for value in values:
        if value.startswith("{"):
            hosts = _json(value, dict[str, str], "extrahosts", dict)
            found += [f"{name}:{address}" for name, address in hosts.items()]
        else:
            found += [item for item in value.split(",") if item]
    return tuple(found)


async def prune(services: Services, request: Request) -> Answer:
    """`POST /build/prune`: forget what is cached, by default only what no image needs."""
    filters = parse_filters(request.query.text("filters"), _PRUNE_FILTERS)
    everything = request.query.flag("all") or request.version < (1, 39)
    given = {name: request.query.number(name) or 0 for name in _BOUNDS}
    # `keep-storage` is the name of before API 1.48.
    reserved = given["reserved-space"] or given["keep-storage"]
    bounds = Bounds(given["max-used-space"], reserved, given["min-free-space"])
    limits = [_limit(text) for name in ("until", "unused-for") for text in filters.get(name, ())]
    removed, freed = await services.builder.prune(
        lambda item: _matches(item, filters, limits), bounds=bounds, everything=everything
    )
    return json_reply({"CachesDeleted": removed, "SpaceReclaimed": freed})


def _matches(item: CacheUsage, filters: Filters, limits: Sequence[int]) -> bool:
    shared, used = filter_flag(filters, "shared"), filter_flag(filters, "inuse")
    return (
        # `docker system prune` filters everything by labels, of which steps have none.
        not filters.get("label")
        and all(item.used_ns <= limit for limit in limits)
        and (not filters.get("id") or any(item.id.startswith(wanted) for wanted in filters["id"]))
        and (not filters.get("type") or item.kind in filters["type"])
        and (not filters.get("description") or any(text in item.description for text in filters["description"]))
        and shared in (None, item.is_shared)
        and used in (None, item.in_use)
    )


def _limit(text: str) -> int:
    """A moment in nanoseconds since 1970: a time, or how long ago it was (`24h`). Raises `BadRequest`."""
    try:
        return time.time_ns() - nanoseconds(text, "until")
    except Misspelt:
        return parse_time(text)


async def cancel(services: Services, request: Request) -> Answer:
    """`POST /build/cancel`: end the build of that `buildid`."""
    build_id = request.query.text("id")
    if not build_id:
        raise BadRequest("build ID not provided")
    services.builder.cancel(build_id)
    return OK


def cache_record(item: CacheUsage) -> dict[str, object]:
    """One entry of `BuildCache` in `GET /system/df`."""
    return {
        "ID": item.id,
        "Parents": list(item.parents) or None,
        "Type": item.kind,
        "Description": item.description,
        "InUse": item.in_use,
        "Shared": item.is_shared,
        "Size": item.size_bytes,
        "CreatedAt": rfc3339(item.created_ns),
        "LastUsedAt": rfc3339(item.used_ns),
        "UsageCount": item.uses,
    }


ROUTES = (
    Route("POST", "/build", build),
    Route("POST", "/build/prune", prune),
    Route("POST", "/build/cancel", cancel),
)
