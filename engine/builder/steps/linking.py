"""COPY --link and ADD --link: a layer that knows nothing of what it lies on, so that it serves on any base.

It is made in an empty directory, not on an overlay: that would mark new directories as hiding what is below them. Its
key has no layer below in it; on another base it is the same layer with another chain id, whose files are hard links.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio.to_thread
import msgspec

from engine.builder.bench import Bench
from engine.builder.cache import Entry
from engine.builder.steps.filestep import CopyPlan, carry_out
from engine.errors import BadRequest
from engine.storage.layers import CapturedLayer


async def make_alone(bench: Bench, plan: CopyPlan) -> CapturedLayer:
    """The layer of a COPY, on nothing. Raises `BadRequest`, `OSError`."""
    user = plan.chown.replace(":", "")
    if user and not user.isdecimal():
        raise BadRequest(
            f"--link cannot look up {plan.chown!r}: it does not see the image's users",
            hint="give --chown numbers, or leave out --link",
        )
    place = await anyio.to_thread.run_sync(bench.workspace.place, "link")
    return await anyio.to_thread.run_sync(partial(_make_alone, bench, plan, place / "upper"))


async def on_top_of(bench: Bench, entry: Entry, below: Sequence[str], stage: int) -> Entry:
    """A linked layer on top of others. The cache keeps the one that was there. Raises what fetching it raises."""
    if list(entry.chain_ids[:-1]) == list(below):
        return entry
    layers, own = bench.images.inventory.layers, entry.chain_ids[-1]
    await bench.bring([own], stage)
    there = await anyio.to_thread.run_sync(layers.share, own, below)
    if len(entry.chain_ids) > 1:  # from an image elsewhere, with a base that may never come here
        bench.fresh.append(msgspec.structs.replace(entry, chain_ids=[own], size_bytes=layers.size_bytes(own)))
    return msgspec.structs.replace(entry, chain_ids=[*below, there])


def _make_alone(bench: Bench, plan: CopyPlan, upper: Path) -> CapturedLayer:
    upper.mkdir(mode=0o755)
    carry_out(plan, upper)
    return bench.images.inventory.layers.capture(upper, (), moves=True)
