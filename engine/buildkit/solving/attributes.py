"""What the attributes of the Dockerfile frontend ask for, as this engine's own order. Pure.

The names are those of BuildKit's frontend (docs/reference of docker/buildx; `frontend/dockerui` in moby/buildkit).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from engine.builder.bases import IMAGE
from engine.builder.order import BuildOrder
from engine.errors import BadRequest, NotImplementedHere
from engine.wire.containers import Ulimit
from engine.wire.typed import from_json

_ARG: Final = "build-arg:"
_LABEL: Final = "label:"
_CONTEXT: Final = "context:"
_SESSION: Final = "local-sessionid:"
_LOCAL: Final = "local:"
_INPUT: Final = "input:"
_INSECURE: Final = "security.insecure"
# Arguments that speak to BuildKit itself and are no variables of the Dockerfile.
_OWN_ARGS: Final = frozenset({"BUILDKIT_SYNTAX", "BUILDKIT_INLINE_CACHE", "BUILDKIT_MULTI_PLATFORM"})


class Wanted(Struct, frozen=True, kw_only=True):
    """A build as its client asks for it. `locals` are the client's directories that are contexts by name, `inputs`
    the results of other builds; `sessions` says in which session a directory is, if not in the build's own.
    `attributes` are the client's own words.
    `dockerfile_name` is "" where the Dockerfile is in the remote context. `request` is a question instead of a build.
    """

    order: BuildOrder
    attributes: Mapping[str, str] = {}
    context_name: str = "context"
    dockerfile_name: str = "dockerfile"
    locals: Mapping[str, str] = {}
    inputs: Mapping[str, str] = {}
    sessions: Mapping[str, str] = {}
    request: str = ""


class _Cache(Struct, rename={"kind": "Type", "attributes": "Attrs"}):
    kind: str = ""
    attributes: dict[str, str] | None = None


def read_attributes(attributes: Mapping[str, str], entitlements: tuple[str, ...] = ()) -> Wanted:
    """Understand the attributes. Raises `BadRequest`, `NotImplementedHere`."""
    remote = attributes.get(attributes.get("contextkey", "context"), "")
    contexts = _below(attributes, _CONTEXT)
    platform = attributes.get("platform", "")
    if "," in platform:
        raise NotImplementedHere(
            f"this engine builds for one platform at a time, not for {platform}", hint="build them one by one"
        )
    no_cache = attributes.get("no-cache")
    order = BuildOrder(
        dockerfile=attributes.get("filename", "") or "Dockerfile",
        remote=remote,
        target=attributes.get("target", ""),
        args={name: value for name, value in _below(attributes, _ARG).items() if name not in _OWN_ARGS},
        labels=_below(attributes, _LABEL),
        no_cache=no_cache == "",
        no_cache_stages=tuple(no_cache.lower().split(",")) if no_cache else (),
        pull=attributes.get("image-resolve-mode") in ("pull", "always"),
        is_trusted=_INSECURE in entitlements,
        cache_from=tuple(_caches(attributes)),
        network=attributes.get("force-network-mode", ""),
        platform=platform,
        extra_hosts=tuple(host.replace("=", ":", 1) for host in attributes.get("add-hosts", "").split(",") if host),
        cpuset_cpus=attributes.get("cpusetcpus", ""),
        cpuset_mems=attributes.get("cpusetmems", ""),
        cgroup_parent=attributes.get("cgroup-parent", ""),
        ulimits=tuple(_ulimits(attributes.get("ulimit", ""))),
        contexts={name: _meaning(value) for name, value in contexts.items()},
        shm_size=_number(attributes, "shm-size"),
        memory=_number(attributes, "memory"),
        memory_swap=_number(attributes, "memswap"),
        cpu_shares=_number(attributes, "cpushares"),
        cpu_period=_number(attributes, "cpuperiod"),
        cpu_quota=_number(attributes, "cpuquota"),
    )
    return Wanted(
        order=order,
        attributes=attributes,
        context_name=attributes.get("contextkey", "context"),
        dockerfile_name=attributes.get("dockerfilekey", "" if remote else "dockerfile"),
        locals={name: value.removeprefix(_LOCAL) for name, value in contexts.items() if value.startswith(_LOCAL)},
        inputs={name: value.removeprefix(_INPUT) for name, value in contexts.items() if value.startswith(_INPUT)},
        sessions=_below(attributes, _SESSION),
        request=attributes.get("requestid", ""),
    )


def _below(attributes: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}


def _meaning(context: str) -> str:
    """A named context in the words of an order: "" for what comes along."""
    if context.startswith((_LOCAL, _INPUT)):
        return ""
    if "://" in context and not context.startswith((IMAGE, "http://", "https://", "git://", "ssh://")):
        raise NotImplementedHere(f"contexts such as {context} are not implemented by this engine")
    return context


def _number(attributes: Mapping[str, str], name: str) -> int:
    text = attributes.get(name, "") or "0"
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f"invalid {name}: {text}") from None


def _ulimits(text: str) -> Iterator[Ulimit]:
    for item in filter(None, text.split(",")):
        name, _, limits = item.partition("=")
        soft, _, hard = limits.partition(":")
        try:
            yield Ulimit(name=name, soft=int(soft), hard=int(hard or soft))
        except ValueError:
            raise BadRequest(f"invalid ulimit: {item}") from None


def _caches(attributes: Mapping[str, str]) -> Iterator[str]:
    """`cache_from` as buildx writes it on its command line."""
    try:
        found = from_json(attributes.get("cache-imports", "") or "[]", list[_Cache])
    except msgspec.DecodeError as exc:
        raise BadRequest(f"invalid cache-imports: {exc}") from exc
    for cache in found:
        options = ",".join(f"{name}={value}" for name, value in (cache.attributes or {}).items())
        yield f"type={cache.kind},{options}" if options else f"type={cache.kind}"
    yield from filter(None, attributes.get("cache-from", "").split(","))
