"""The images that a build stands on or copies from: those that are here, pulled ones, and promised ones.

An image is promised where a cache may make it needless: its config and the names of its layers are known, and it is
pulled when a step needs one of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from typing import Final

from engine.builder.caching.supply import Supply
from engine.builder.order import BuildOrder
from engine.errors import BadRequest, NoSuchImage, NotFound
from engine.images.record import Image
from engine.images.store import ImageService
from engine.images.transfer.pull import Plan
from engine.locks import KeyedLock
from engine.registry.manifest import Descriptor
from engine.registry.platforms import Platform
from engine.registry.reference import Reference
from engine.wire.images import AuthConfig, Progress

IMAGE: Final = "docker-image://"
_DOCKER_HUB: Final = "https://index.docker.io/v1/"

# Hears of what is pulled, for a stage.
TellStage = Callable[[int, Progress], Awaitable[None]]


class _Promise:
    """The layers of an image that is pulled when one of them is needed: an `Offer`."""

    def __init__(self, plan: Plan, pull: Callable[[], AsyncGenerator[Progress, None]]) -> None:
        self.blobs: Mapping[str, Descriptor] = {order.chain_id: order.blob for order in plan.orders()}
        self._pull = pull

    def fetch(self, wanted: Collection[str]) -> AsyncGenerator[Progress, None]:
        del wanted  # it becomes an image of ours, whole
        return self._pull()


class Bases:
    """Those of one build; `given` are what other builds have made, by the names of their contexts. The digests of those
    that were `used` are found by reference and platform: what a registry calls them, or else their ids.
    """

    def __init__(
        self, order: BuildOrder, platform: Platform, images: ImageService, supply: Supply, tell: TellStage
    ) -> None:
        self._order = order
        self._platform = platform
        self._images = images
        self._supply = supply
        self._tell = tell
        self._pulling = KeyedLock()
        self._pulled: set[str] = set()
        self.given: Mapping[str, Image] = {}
        self.used: dict[tuple[str, str], str] = {}
        self._promises: dict[tuple[str, str], Image] = {}

    async def image(self, name: str, platform: str, stage: int, *, is_lazy: bool) -> Image:
        """An image, pulled if it is not here or the order says so; with `is_lazy`, one that is not here is promised.

        Raises `BadRequest`, `NotFound`, `RegistryError`.
        """
        if name in self.given:
            return self.given[name]
        reference = self._reference(name)
        async with self._pulling(reference):
            wanted = Platform.parse(platform) if platform else self._platform
            found = self._local(reference)
            is_wanted = found is not None and _is_for(found, wanted)
            if (self._order.pull and reference not in self._pulled) or not is_wanted:
                if found is None and is_lazy and (image := await self._promised(reference, str(wanted), stage)):
                    return image
                await self._pull(reference, str(wanted), stage)
                self._pulled.add(reference)
                found = self._images.get(reference)
            assert found is not None  # it was there, or has just been pulled
            if not _is_for(found, wanted):
                actual = Platform(found.os, found.architecture, found.variant)
                raise NotFound(f"image {reference} is for {actual}, not for {wanted}")
            self.used[reference, str(wanted)] = _digest(found, reference)
            return found

    def auth(self, registry: str) -> AuthConfig | None:
        """The client's credentials for a registry."""
        names = (registry, f"https://{registry}", _DOCKER_HUB if registry == "docker.io" else registry)
        return next((self._order.registries[name] for name in names if name in self._order.registries), None)

    def _reference(self, name: str) -> str:
        """What a name means, which may be that of a context."""
        if name not in self._order.contexts:
            return name
        meaning = self._order.contexts[name]
        if not meaning.startswith(IMAGE):
            raise BadRequest(f"context {name} is a directory, where an image is needed")
        return meaning.removeprefix(IMAGE)

    def _local(self, reference: str) -> Image | None:
        try:
            return self._images.get(reference)
        except NoSuchImage:
            return None

    async def _promised(self, reference: str, platform: str, stage: int) -> Image | None:
        """An image whose layers may never be needed; None if all of them are here, so that pulling costs nothing."""
        known = self._promises.get((reference, platform))
        if known is not None:
            return known
        auth = self.auth(Reference.parse(reference).registry)
        plan = await self._images.resolve(reference, platform=platform, auth=auth)
        self.used[reference, platform] = plan.resolved.digest
        if not self._supply.missing(plan.chain_ids):
            return None
        self._supply.offer(_Promise(plan, lambda: self._images.pull(reference, platform=platform, auth=auth)))
        await self._tell(stage, Progress(status=f"Digest: {plan.resolved.digest}"))
        image = self._promises[reference, platform] = plan.image(0)
        return image

    async def _pull(self, reference: str, platform: str, stage: int) -> None:
        auth = self.auth(Reference.parse(reference).registry)
        async with aclosing(self._images.pull(reference, platform=platform, auth=auth)) as lines:
            async for line in lines:
                await self._tell(stage, line)


def _digest(image: Image, name: str) -> str:
    try:
        repository = Reference.parse(name).canonical_name
    except BadRequest:
        return image.id  # which is the name
    pinned = map(Reference.parse, image.repo_digests)
    return next((found.digest for found in pinned if found.canonical_name == repository), image.id)


def _is_for(image: Image, wanted: Platform) -> bool:
    actual = Platform(image.os or wanted.os, image.architecture or wanted.architecture, image.variant)
    return wanted.rank(actual) is not None
