"""Layers that are not here but could be had. A step found in a cache needs none, so they wait until one does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from typing import Protocol

from engine.errors import NotFound
from engine.registry.manifest import Descriptor
from engine.storage.layers import Layers
from engine.wire.images import Progress

# Hears of the progress of what is fetched.
Tell = Callable[[Progress], Awaitable[None]]


class Offer(Protocol):
    """One who can bring layers; `blobs` are what he brings, by chain id."""

    @property
    def blobs(self) -> Mapping[str, Descriptor]: ...

    def fetch(self, wanted: Collection[str]) -> AsyncGenerator[Progress, None]:
        """Bring these, and tell of it. Raises `EngineError`."""
        ...


class Supply:
    """The layers that one build can have."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._offers: dict[str, Offer] = {}

    def offer(self, who: Offer) -> None:
        """Note what somebody can bring; the first offer of a layer counts."""
        for chain_id in who.blobs:
            self._offers.setdefault(chain_id, who)

    def missing(self, chain_ids: Collection[str]) -> list[str]:
        """Those layers that are not here."""
        return [chain_id for chain_id in dict.fromkeys(chain_ids) if not self._layers.has(chain_id)]

    def can_have(self, chain_ids: Collection[str]) -> bool:
        """Whether all of these are here or offered."""
        return all(chain_id in self._offers for chain_id in self.missing(chain_ids))

    def blob(self, chain_id: str) -> Descriptor | None:
        """The blob of an offered layer."""
        offer = self._offers.get(chain_id)
        return offer.blobs[chain_id] if offer is not None else None

    async def bring(self, chain_ids: Collection[str], tell: Tell) -> None:
        """Have all of these here. Raises `NotFound` for one that nobody offers, and what fetching raises."""
        wanted: dict[int, list[str]] = {}
        offers: dict[int, Offer] = {}
        for chain_id in self.missing(chain_ids):
            offer = self._offers.get(chain_id)
            if offer is None:
                raise NotFound(f"layer {chain_id} is not there", hint="build with --no-cache")
            offers[id(offer)] = offer
            wanted.setdefault(id(offer), []).append(chain_id)
        for number, offer in offers.items():
            async with aclosing(offer.fetch(wanted[number])) as lines:
                async for line in lines:
                    await tell(line)
