"""Digests of images, asked of their registries through the engine."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.plan.images import canonical
from engine.client import EngineClient


async def pinned(engine: EngineClient, images: Iterable[str]) -> dict[str, str]:
    """Every image by its full name with its digest; those that have one already are asked of nobody.

    Raises `EngineRefused` for one whose registry does not know it or does not answer.
    """
    found: dict[str, str] = {}

    async def look_up(image: str) -> None:
        name = canonical(image)
        if "@" not in name:
            with refusals(f"failed to resolve digest for {name}"):
                name = f"{name}@{(await engine.inspect_distribution(name)).descriptor.digest}"
        found[image] = name

    await all_of([partial(look_up, image) for image in dict.fromkeys(images)])
    return found
