"""`cache_to`: the stages of a build as images that remember their steps, in a registry or a directory.

With `mode=min` that is the image alone, with `mode=max` all stages that were needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from engine.builder.bench import Bench
from engine.builder.caching.imports import place_of
from engine.builder.caching.notes import with_shorter_keys
from engine.builder.caching.wishes import CacheWish, read_destination
from engine.errors import EngineError
from engine.images.configuration import Configuration, encode_configuration
from engine.images.transfer.collection import Place
from engine.registry.manifest import Descriptor
from engine.storage.layers import chain_ids


async def export_caches(bench: Bench, stages: Sequence[Configuration]) -> None:
    """Write every cache that the order wants; `stages` is the image, then whatever it was made of.

    Raises what keeps one from being written, unless its order ignores that.
    """
    for text in bench.order.cache_to:
        wish = read_destination(text)
        if wish.kind == "inline":
            continue  # every image of ours has its keys
        if not wish.is_supported:
            await bench.announce(f"[Warning] caches of type {wish.kind} are not supported\n")
            continue
        try:
            await _export(bench, wish, stages if wish.is_max else stages[:1])
        except EngineError as exc:
            exc.message = f"the cache cannot be written to {wish}: {exc.message}"
            if not wish.ignores_errors:
                raise
            await bench.announce(f"[Warning] {exc.message}\n")


async def _export(bench: Bench, wish: CacheWish, stages: Sequence[Configuration]) -> None:
    await bench.announce(f"Exporting cache to {wish}\n")
    place = place_of(bench, wish)
    entries = [*bench.used, *bench.taken, *bench.fresh]
    bodies = dict.fromkeys(with_shorter_keys(encode_configuration(stage), entries) for stage in stages)
    wanted = [chain_id for stage in stages for chain_id in chain_ids(stage.rootfs.diff_ids)]
    there = await _there(bench, place, bench.supply.missing(wanted))
    await bench.supply.bring([chain_id for chain_id in wanted if chain_id not in there], bench.tell)
    async with aclosing(bench.images.collections.write(place, list(bodies), there)) as lines:
        async for line in lines:
            await bench.tell(line)


async def _there(bench: Bench, place: Place, missing: Sequence[str]) -> dict[str, Descriptor]:
    """The blobs that need not come here first, since the place has them: those of the cache that was read from it."""
    known = {chain_id: blob for chain_id in missing if (blob := bench.supply.blob(chain_id)) is not None}
    held = await bench.images.collections.held(place, known) if known else set()
    return {chain_id: known[chain_id] for chain_id in held}
