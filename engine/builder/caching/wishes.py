"""`cache_from` and `cache_to`: what `type=registry,ref=…` and its like ask for. Pure."""

from __future__ import annotations

import csv
from typing import Final

from msgspec import Struct

from engine.errors import BadRequest
from engine.registry.reference import DEFAULT_TAG

# What BuildKit knows besides, each of a service that is not ours to speak to.
_ELSEWHERE: Final = frozenset({"gha", "s3", "azblob"})
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


class CacheWish(Struct, frozen=True, kw_only=True):
    """One place of a cache. `kind` is `registry`, `local`, `inline`, or one that is not supported (`is_supported`).

    `where` is a reference or a directory; `is_exact` says that it was not just a name, which may also be an image here.
    """

    kind: str
    where: str = ""
    tag: str = DEFAULT_TAG
    is_max: bool = False
    is_exact: bool = True
    ignores_errors: bool = False

    @property
    def is_supported(self) -> bool:
        """Whether this engine has caches of the kind."""
        return self.kind not in _ELSEWHERE

    def __str__(self) -> str:
        return self.where or self.kind


def read_source(text: str) -> CacheWish:
    """Read one `cache_from`. Raises `BadRequest`."""
    return _read(text, "src")


def read_destination(text: str) -> CacheWish:
    """Read one `cache_to`. Raises `BadRequest`."""
    return _read(text, "dest")


def _read(text: str, directory: str) -> CacheWish:
    fields = next(csv.reader([text]), [])
    if not any("=" in field for field in fields):
        return CacheWish(kind="registry", where=text.strip(), is_exact=False)
    options: dict[str, str] = {}
    for field in fields:
        name, equals, value = field.strip().partition("=")
        if not equals:
            raise BadRequest(f"cache {text!r}: {field!r} is not of the form name=value")
        options[name.lower()] = value
    kind = options.get("type", "")
    if not kind:
        raise BadRequest(f"cache {text!r}: it has no type", hint="write type=registry,ref=… or type=local,…")
    needed = {"registry": "ref", "local": directory}.get(kind, "")
    where = options.get(needed, "")
    if needed and not where:
        raise BadRequest(f"cache {text!r}: it has no {needed}")
    if kind not in {"registry", "local", "inline"} and kind not in _ELSEWHERE:
        raise BadRequest(f"cache {text!r}: unknown type {kind!r}", hint="use registry, local or inline")
    if kind == "local" and not where.startswith("/"):
        raise BadRequest(f"cache {text!r}: {needed} is not an absolute path")
    if options.get("mode", "min") not in ("min", "max"):
        raise BadRequest(f"cache {text!r}: mode is min or max")
    return CacheWish(
        kind=kind,
        where=where,
        tag=options.get("digest") or options.get("tag") or DEFAULT_TAG,
        is_max=options.get("mode") == "max",
        ignores_errors=_FLAGS.get(options.get("ignore-error", "false").lower(), False),
    )
