"""`RUN --mount=…`: read as pairs when the file is parsed, understood when the variables in them are known."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from engine.builder.dockerfile.instructions import MountOptions
from engine.builder.dockerfile.problem import Misspelt
from engine.builder.dockerfile.sizes import size_bytes

_KINDS: Final = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARINGS: Final = ("shared", "private", "locked")
_COMMON: Final = frozenset({"type", "target", "dst", "destination"})
_OWNED: Final = frozenset({"id", "mode", "uid", "gid"})
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "bind": _COMMON | {"source", "src", "from", "rw", "readwrite", "ro", "readonly"},
    "cache": _COMMON | _OWNED | {"source", "src", "from", "sharing", "ro", "readonly", "rw", "readwrite"},
    "tmpfs": _COMMON | {"size"},
    "secret": _COMMON | _OWNED | {"required", "env", "source", "src"},
    "ssh": _COMMON | _OWNED | {"required"},
}
_ALIASES: Final[Mapping[str, str]] = {
    "dst": "target", "destination": "target", "src": "source", "readonly": "ro", "readwrite": "rw",
}  # fmt: skip


class RunMount(Struct, frozen=True, kw_only=True):
    """One mount of a RUN. `origin` is a stage or image, "" the context (bind) or nothing (cache). `mode` is None for
    the kind's default; `variable` is the environment variable that gets a secret.
    """

    kind: str
    target: str = ""
    source: str = ""
    origin: str = ""
    identity: str = ""
    is_read_only: bool = False
    is_required: bool = False
    sharing: str = "shared"
    size: int = 0
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    variable: str = ""


def read_mount(text: str) -> MountOptions:
    """The pairs of one flag's value. Raises `Misspelt`."""
    fields = next(csv.reader([text]), [])
    pairs = []
    for field in fields:
        name, has_value, value = field.partition("=")
        name = name.strip().lower()
        pairs.append((_ALIASES.get(name, name), value if has_value else "true"))
    options = dict(pairs)
    kind = options.get("type", "bind")
    if kind not in _KINDS:
        raise Misspelt(f"unsupported mount type {kind!r}", f"use one of {', '.join(_KINDS)}")
    for name, _ in pairs:
        if name not in _KNOWN[kind]:
            raise Misspelt(f"unexpected key {name!r} for mount type {kind!r} in {text!r}")
    return MountOptions(tuple(pairs))


def understand_mount(options: MountOptions, expand: Callable[[str], str], workdir: str) -> RunMount:
    """A mount with its variables replaced; a relative target is below `workdir`. Raises `Misspelt`."""
    found = {name: expand(value) for name, value in options.pairs}
    kind = found.get("type", "bind")
    target = found.get("target", "")
    identity = found.get("id", "")
    if kind == "secret":
        identity = identity or found.get("source", "") or posixpath.basename(target)
        target = target or ("" if "env" in found else f"/run/secrets/{posixpath.basename(identity)}")
        if not identity:
            raise Misspelt("a secret mount needs an id or a target")
    elif kind == "ssh":
        identity = identity or "default"
    elif not target:
        raise Misspelt(f"a {kind} mount needs a target")
    target = posixpath.normpath(posixpath.join(workdir or "/", target)) if target else ""
    if target == "/":
        raise Misspelt(f"invalid mount target {target!r}: it cannot be the root")
    return RunMount(
        kind=kind,
        target=target,
        source=found.get("source", ""),
        origin=found.get("from", ""),
        identity=identity or (target if kind == "cache" else ""),
        is_read_only=_is_read_only(found, kind),
        is_required=_truth(found, "required"),
        sharing=_sharing(found),
        size=size_bytes(found["size"]) if "size" in found else 0,
        mode=_octal(found),
        uid=_whole(found, "uid"),
        gid=_whole(found, "gid"),
        variable=found.get("env", ""),
    )


def _is_read_only(found: Mapping[str, str], kind: str) -> bool:
    if kind == "bind":
        return not _truth(found, "rw") if "rw" in found else "ro" not in found or _truth(found, "ro")
    return _truth(found, "ro")


def _sharing(found: Mapping[str, str]) -> str:
    value = found.get("sharing", "shared")
    if value not in _SHARINGS:
        raise Misspelt(f"unsupported sharing value {value!r}", f"use one of {', '.join(_SHARINGS)}")
    return value


def _truth(found: Mapping[str, str], name: str) -> bool:
    value = found.get(name, "false").lower()
    if value not in ("true", "false", "1", "0"):
        raise Misspelt(f"invalid value for {name}: {value}")
    return value in ("true", "1")


def _octal(found: Mapping[str, str]) -> int | None:
    if "mode" not in found:
        return None
    try:
        return int(found["mode"], 8)
    except ValueError:
        raise Misspelt(f"invalid value {found['mode']!r} for mode", "write it in octal, like 0400") from None


def _whole(found: Mapping[str, str], name: str) -> int:
    value = found.get(name, "0")
    if not value.isdecimal():
        raise Misspelt(f"invalid value {value!r} for {name}", "use a number")
    return int(value)
