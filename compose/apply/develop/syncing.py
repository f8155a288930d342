"""Brings changed files into the containers of a service, and takes those away that are gone."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO

from compose.apply.copying.pipes import produced
from compose.apply.hooks import run_hooks
from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.errors import ComposeError
from compose.model.tooling import Hook
from compose.plan.observed import ObservedContainer
from engine.client import EngineClient

_NAMES_AT_ONCE = 256  # of up to 4 KiB each: the kernel takes arguments of 2 MiB together


async def sync(engine: EngineClient, containers: list[ObservedContainer], copies: Mapping[str, str]) -> None:
    """Copy files (by their places in the containers), and remove there what is not here any more.

    A container that fails keeps nobody from the others. Raises `ComposeError`, the first of them.
    """
    present = _present(copies)
    gone = _outermost(place for place in copies if place not in present)
    failures: list[ComposeError] = []

    async def attempt(item: ObservedContainer) -> None:
        for call in (partial(_remove, engine, item, gone), partial(_copy, engine, item, present)):
            try:
                await call()
            except ComposeError as exc:
                failures.append(exc)

    await all_of([partial(attempt, item) for item in containers])
    if failures:
        raise failures[0]


def _present(copies: Mapping[str, str]) -> dict[str, str]:
    return {place: path for place, path in copies.items() if os.path.lexists(path)}


def _outermost(places: Iterable[str]) -> list[str]:
    """Without those that go with a directory above."""
    every = set(places)
    return sorted(place for place in every if every.isdisjoint(str(above) for above in PurePosixPath(place).parents))


async def _remove(engine: EngineClient, item: ObservedContainer, gone: list[str]) -> None:
    if item.state != "running":
        return
    names = [place for place in gone if _is_text(place)]
    for start in range(0, len(names), _NAMES_AT_ONCE):
        hook = Hook(("rm", "-rf", "--", *names[start : start + _NAMES_AT_ONCE]), user="0")
        await run_hooks(engine, item.id, item.name, [hook])
    if len(names) < len(gone):
        unspeakable = next(place for place in gone if not _is_text(place))
        raise ComposeError(f"cannot remove {os.fsencode(unspeakable)!r} in container {item.name}: no UTF-8 name")


def _is_text(name: str) -> bool:
    """Whether the engine can be told it: file names are bytes, its requests are UTF-8."""
    return os.fsencode(name) == name.encode("utf-8", "replace")


async def _copy(engine: EngineClient, item: ObservedContainer, present: Mapping[str, str]) -> None:
    if not present:
        return
    async with produced(partial(_pack, present)) as archive:
        with refusals(f"copying into container {item.name}"):
            await engine.put_archive(item.id, "/", archive, keeps_owners=True)


def _pack(files: Mapping[str, str], output: BinaryIO) -> None:
    """Links stay links, as `COPY` has them in an image."""
    with tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for place, path in sorted(files.items()):
            try:
                tar.add(path, place.lstrip("/"), recursive=False)
            except FileNotFoundError:
                continue  # gone since: the kernel has told of that too
            except BrokenPipeError:
                raise  # the engine wants no more, and says why
            except OSError as exc:
                raise ComposeError(f"cannot copy {path}: {exc.strerror or exc}") from exc
