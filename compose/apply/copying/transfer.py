"""Copies between this machine and a container."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial

from msgspec import Struct

from compose.apply.copying.local import local_source, local_target, pack, unpack
from compose.apply.copying.pipes import consumed, produced
from compose.apply.copying.placement import Source, Target, placement
from compose.apply.refusals import refusals, refused
from compose.errors import UsageError
from engine.client import ApiError, EngineClient
from engine.wire.paths import PathStat


class CopyOptions(Struct, frozen=True):
    """`follows_link`: of a source that is a symlink copy what it points to; `keeps_owners`: in the container."""

    follows_link: bool = False
    keeps_owners: bool = False


async def copy_in(engine: EngineClient, container: str, source: str, path: str, options: CopyOptions) -> None:
    """Copy a file or directory of this machine to a path of the container.

    Raises `UsageError` for what cannot go there, `EngineRefused` for what the engine does not take.
    """
    found = local_source(source, follows_link=options.follows_link)
    place = placement(found, await _target(engine, container, path))
    async with produced(partial(pack, found, place.name, follows_link=options.follows_link)) as archive:
        with refusals(f"copying {source} to {path}"):
            await engine.put_archive(
                container, place.directory, archive, keeps_kinds=True, keeps_owners=options.keeps_owners
            )


async def put_in(
    engine: EngineClient, container: str, archive: AsyncIterator[bytes], path: str, options: CopyOptions
) -> None:
    """Unpack an archive into a directory of the container."""
    target = await _target(engine, container, path)
    if not target.is_directory:
        raise UsageError(f"{path} is not a directory of the container", hint="an archive is unpacked into a directory")
    with refusals(f"unpacking into {path}"):
        await engine.put_archive(container, target.path, archive, keeps_kinds=True, keeps_owners=options.keeps_owners)


async def copy_out(engine: EngineClient, container: str, path: str, target: str, options: CopyOptions) -> None:
    """Copy a path of the container to this machine."""
    path, found = await _source(engine, container, path, options)
    place = placement(Source(path, found.is_directory), local_target(target))
    with refusals(f"copying {path}"):
        async with aclosing(engine.get_archive(container, path)) as archive:
            await consumed(archive, partial(unpack, place=place))


async def take_out(
    engine: EngineClient, container: str, path: str, write: Callable[[bytes], object], options: CopyOptions
) -> None:
    """Write a path of the container as an archive."""
    path, _ = await _source(engine, container, path, options)
    with refusals(f"copying {path}"):
        async with aclosing(engine.get_archive(container, path)) as archive:
            async for chunk in archive:
                write(chunk)


async def _source(engine: EngineClient, container: str, path: str, options: CopyOptions) -> tuple[str, PathStat]:
    found = await _look(engine, container, path)
    if found is not None and options.follows_link and found.is_symlink:
        path = _beside(path, found.link_target)
        found = await _look(engine, container, path)
    if found is None:
        raise UsageError(f"there is no {path} in the container")
    return path, found


async def _target(engine: EngineClient, container: str, path: str) -> Target:
    """What is at a path of the container, a symlink followed; whether its directory is there, the engine tells."""
    found = await _look(engine, container, path)
    if found is not None and found.is_symlink:
        path = _beside(path, found.link_target)
        found = await _look(engine, container, path)
    return Target(path, exists=found is not None, is_directory=found is not None and found.is_directory)


async def _look(engine: EngineClient, container: str, path: str) -> PathStat | None:
    try:
        return await engine.stat_path(container, path)
    except ApiError as exc:
        if exc.status == 404:
            return None
        raise refused(exc, f"looking at {path}") from exc


def _beside(path: str, link: str) -> str:
    return posixpath.join(posixpath.dirname(path.rstrip("/")), link)
