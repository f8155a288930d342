"""Brings changed files into the containers of a service, and takes those away that are gone."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from functools import partial
from typing import BinaryIO

from compose.apply.copying.pipes import produced
from compose.apply.hooks import run_hooks
from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.model.tooling import Hook
from compose.plan.observed import ObservedContainer
from engine.client import EngineClient


async def sync(engine: EngineClient, containers: list[ObservedContainer], copies: Mapping[str, str]) -> None:
    """Copy files (by their places in the containers), and remove there what is not here any more.

    Raises `ComposeError`.
    """
    present = _present(copies)
    gone = [place for place in copies if place not in present]
    await all_of([partial(_sync, engine, item, present, gone) for item in containers])


def _present(copies: Mapping[str, str]) -> dict[str, str]:
    return {place: path for place, path in copies.items() if os.path.lexists(path)}


async def _sync(engine: EngineClient, item: ObservedContainer, present: Mapping[str, str], gone: list[str]) -> None:
    if gone and item.state == "running":
        await run_hooks(engine, item.id, item.name, [Hook(("rm", "-rf", "--", *gone), user="0")])
    if present:
        async with produced(partial(_pack, present)) as archive:
            with refusals(f"copying into container {item.name}"):
                await engine.put_archive(item.id, "/", archive, keeps_owners=True)


def _pack(files: Mapping[str, str], output: BinaryIO) -> None:
    with tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for place, path in sorted(files.items()):
            try:
                tar.add(path, place.lstrip("/"), recursive=False)
            except FileNotFoundError:
                continue  # gone since: the kernel has told of that too
