"""`cache_from`: the steps that images elsewhere remember. Configs are fetched, layers once a step needs one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from pathlib import Path

from engine.builder.bench import Bench
from engine.builder.cache import Entry
from engine.builder.caching.notes import entries_of, shorter_keys
from engine.builder.caching.wishes import CacheWish, read_source
from engine.errors import EngineError, NoSuchImage
from engine.images.transfer.collection import Collections, Place
from engine.images.transfer.transfers import LayerOrder
from engine.registry.manifest import Descriptor
from engine.registry.reference import Reference
from engine.wire.images import Progress

_DIRECTORY = Reference("directory", "cache")


class _Cached:
    """The layers of a cache's image: an `Offer`."""

    def __init__(self, collections: Collections, orders: Iterable[LayerOrder]) -> None:
        self._collections = collections
        self._orders = {order.chain_id: order for order in orders}

    @property
    def blobs(self) -> Mapping[str, Descriptor]:
        return {chain_id: order.blob for chain_id, order in self._orders.items()}

    def fetch(self, wanted: Collection[str]) -> AsyncGenerator[Progress, None]:
        return self._collections.fetch([self._orders[chain_id] for chain_id in wanted])


async def import_caches(bench: Bench) -> None:
    """Read every cache that the order names. One that cannot be had is told of, and is no reason not to build."""
    for text in bench.order.cache_from if not bench.order.no_cache else ():
        wish = read_source(text)
        if not wish.is_supported:
            await _warn(bench, f"caches of type {wish.kind} are not supported")
            continue
        found = _from_image(bench, wish)
        if wish.is_exact or not found:
            try:
                found = {**found, **await _from_elsewhere(bench, wish)}
            except EngineError as exc:
                await _warn(bench, f"no cache from {wish}: {exc.message}")
                continue
        bench.imported.update(found)


def place_of(bench: Bench, wish: CacheWish) -> Place:
    """Where a cache is. Raises `BadRequest` for a reference that is none."""
    if wish.kind == "local":
        tagged = Reference(_DIRECTORY.registry, _DIRECTORY.repository, wish.tag)
        return Place(tagged, directory=Path(wish.where))
    reference = Reference.parse(wish.where).tagged()
    return Place(reference, auth=bench.bases.auth(reference.registry))


def _from_image(bench: Bench, wish: CacheWish) -> dict[str, Entry]:
    if wish.kind != "registry":
        return {}
    try:
        image = bench.images.get(wish.where)
    except NoSuchImage:
        return {}
    return entries_of(image.history, image.diff_ids)


async def _from_elsewhere(bench: Bench, wish: CacheWish) -> dict[str, Entry]:
    await bench.announce(f"Importing cache from {wish}\n")
    found: dict[str, Entry] = {}
    collections = bench.images.collections
    place = place_of(bench, wish)
    for plan in await collections.read(place, bench.platform):
        configuration = plan.resolved.configuration
        found |= entries_of(configuration.history, configuration.rootfs.diff_ids)
        found |= shorter_keys(plan.resolved.configuration_body)
        orders = {order.chain_id: order for order in plan.orders()}
        if place.directory is not None:  # where people delete what is old
            held = await collections.held(place, {chain_id: order.blob for chain_id, order in orders.items()})
            orders = {chain_id: orders[chain_id] for chain_id in orders if chain_id in held}
        bench.supply.offer(_Cached(collections, orders.values()))
    if not found:
        await _warn(bench, f"no cache from {wish}: it names no steps of ours")
    return found


async def _warn(bench: Bench, text: str) -> None:
    await bench.announce(f"[Warning] {text}\n")
