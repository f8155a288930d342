"""What a Dockerfile needs of its client, found before it is built: secrets, agents, credentials, files. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from engine.builder.bases import IMAGE
from engine.builder.caching.wishes import read_source
from engine.builder.context import remote
from engine.builder.dockerfile.instructions import Copy, Run
from engine.builder.dockerfile.problem import Misspelt
from engine.builder.dockerfile.stages import SCRATCH, Dockerfile, Stage, base_name, needed_stages, origins
from engine.builder.dockerfile.words import expand
from engine.builder.order import BuildOrder
from engine.errors import EngineError
from engine.registry.reference import Reference

_UNSURE: Final = re.compile(r"[$*?\[\\]")


class Needs(Struct, frozen=True, kw_only=True):
    """`bases` are the images that stages stand on, `paths` the files of the context that are copied or mounted, None
    for all of them. Those of `secrets` and `agents` are `required` that a step does not go without.
    """

    secrets: frozenset[str]
    agents: frozenset[str]
    required: frozenset[str]
    registries: frozenset[str]
    bases: frozenset[str]
    paths: frozenset[str] | None


def needs_of(dockerfile: Dockerfile, order: BuildOrder, variables: Mapping[str, str]) -> Needs:
    """What the stages of the order's target need. Raises `DockerfileError`, `BadRequest`."""
    indexes = needed_stages(dockerfile, dockerfile.target(order.target), variables)
    stages = [dockerfile.stages[index] for index in sorted(indexes)]
    values = {**variables, **order.given_args}
    bases = {
        name
        for stage in stages
        for name in _images(dockerfile, stage, order, [base_name(dockerfile, stage, variables)])
    }
    others = {name for stage in stages for part in stage.instructions
              for name in _images(dockerfile, stage, order, origins(part))}  # fmt: skip
    mounts = [dict(mount.pairs) for stage in stages for part in stage.instructions if isinstance(part, Run)
              for mount in part.mounts]  # fmt: skip
    paths = {path for stage in stages for path in _paths(stage)}
    sees_all = "" in paths or any(_UNSURE.search(path) for path in paths)
    return Needs(
        secrets=frozenset(_expanded(_secret(mount), values) for mount in mounts if mount.get("type") == "secret"),
        agents=frozenset(
            _expanded(_agent(mount), values) or "default" for mount in mounts if mount.get("type") == "ssh"
        ),
        required=frozenset(
            _expanded(_agent(mount) if mount.get("type") == "ssh" else _secret(mount), values)
            for mount in mounts
            if mount.get("required", "false").lower() in ("true", "1")
        ),
        registries=frozenset(_registries({*bases, *others, *_cached(order)})),
        bases=frozenset(bases),
        paths=None if sees_all else frozenset(paths),
    )


def _images(dockerfile: Dockerfile, stage: Stage, order: BuildOrder, names: Iterable[str]) -> Iterator[str]:
    """Those of the names that mean images in a stage."""
    for name in names:
        meaning = order.contexts.get(name, f"{IMAGE}{name}")
        if meaning.startswith(IMAGE) and name != SCRATCH and not dockerfile.stage_before(stage.index, name):
            yield meaning.removeprefix(IMAGE)


def _paths(stage: Stage) -> Iterator[str]:
    """What a stage takes out of the context; "" is the context itself."""
    for part in stage.instructions:
        if isinstance(part, Copy) and not part.origin:
            yield from (_plain(text) for text in part.sources if not (part.is_add and _is_elsewhere(text)))
        if isinstance(part, Run):
            for mount in part.mounts:
                options = dict(mount.pairs)
                if options.get("type", "bind") == "bind" and not options.get("from"):
                    yield _plain(options.get("source", ""))


def _is_elsewhere(source: str) -> bool:
    return remote.is_url(source) or remote.is_git(source)


def _plain(path: str) -> str:
    return posixpath.normpath(f"/{path}").strip("/")


def _secret(mount: Mapping[str, str]) -> str:
    return mount.get("id") or mount.get("source") or posixpath.basename(mount.get("target", ""))


def _agent(mount: Mapping[str, str]) -> str:
    return mount.get("id") or "default"


def _expanded(word: str, values: Mapping[str, str]) -> str:
    try:
        return expand(word, values.get, "\\")
    except Misspelt:
        return word  # the build itself says what is wrong with it


def _cached(order: BuildOrder) -> Iterator[str]:
    for text in order.cache_from:
        wish = read_source(text)
        if wish.kind == "registry":
            yield wish.where


def _registries(names: set[str]) -> Iterator[str]:
    for name in names:
        try:
            yield Reference.parse(name).registry
        except EngineError:
            continue  # no reference: an id, or something that the build will complain of
