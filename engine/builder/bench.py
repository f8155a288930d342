"""What the stages of one build share: the order, the files, the cache, and images that were brought for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread
from msgspec import Struct, field

from engine.builder.bases import IMAGE, Bases
from engine.builder.cache import Cache, Entry
from engine.builder.caching.supply import Supply
from engine.builder.context import remote
from engine.builder.context.tree import Tree
from engine.builder.context.workspace import Workspace
from engine.builder.dockerfile.evaluate import State
from engine.builder.dockerfile.stages import Dockerfile
from engine.builder.dockerfile.words import expand
from engine.builder.order import BuildOrder
from engine.builder.steps.mounts import CacheMounts
from engine.builder.steps.vault import Vault
from engine.builder.telling import Teller
from engine.containers.drivers import Drivers
from engine.errors import BadRequest
from engine.images.record import Image
from engine.images.store import ImageService
from engine.locks import KeyedLock
from engine.registry.platforms import Platform
from engine.wire.ignore import Ignore
from engine.wire.images import Progress


class Origin(Struct, frozen=True):
    """Something to copy from: layers (of a stage or an image), or a directory (`tree`)."""

    chain_ids: tuple[str, ...] = ()
    tree: Tree | None = None

    @property
    def key(self) -> str:
        """What names its contents without a look at them; "" for a directory, which has to be read."""
        return f"layers {self.chain_ids[-1] if self.chain_ids else ''}" if self.tree is None else ""


class Stages(Protocol):
    """The stages of a build, as one stage sees the others."""

    async def layers_of(self, index: int) -> Sequence[str]: ...


class Bench(Struct):
    """Made once per build. Of the cache's entries, `used` were here, `taken` come from elsewhere, `fresh` are new."""

    order: BuildOrder
    dockerfile: Dockerfile
    variables: Mapping[str, str]
    platform: Platform
    drivers: Drivers
    images: ImageService
    cache: Cache
    cache_mounts: CacheMounts
    workspace: Workspace
    teller: Teller
    limiter: anyio.CapacityLimiter
    ignore: Ignore
    vault: Vault
    named: dict[str, Tree]
    later: Mapping[str, Callable[[], Awaitable[Tree]]]
    supply: Supply
    bases: Bases
    imported: dict[str, Entry] = field(default_factory=dict[str, Entry])
    fresh: list[Entry] = field(default_factory=list[Entry])
    used: list[Entry] = field(default_factory=list[Entry])
    taken: list[Entry] = field(default_factory=list[Entry])
    _fetching: KeyedLock = field(default_factory=KeyedLock)

    async def context(self) -> Tree:
        """The build's context."""
        return await self._brought("") if "" in self.later else Tree(self.workspace.context, self.ignore)

    def expander(self, state: State) -> Callable[[str], str]:
        """What replaces variables at a point of a stage. Raises `Misspelt`."""
        variables = state.variables
        return lambda word: expand(word, variables.get, self.dockerfile.escape)

    def look_up(self, key: str) -> Entry | None:
        """What a step with that key made before; notes that it is used."""
        if self.order.no_cache or (self.order.uses_only_cache_from and key not in self.imported):
            return None
        entry = self.cache.get(key)
        if entry is not None:
            self.used.append(entry)
        else:
            entry = self.imported.get(key)
            if entry is None or not self.supply.can_have(entry.chain_ids):
                return None
            self.taken.append(entry)
        return self.look_up(entry.stands_for) if entry.stands_for else entry

    async def bring(self, chain_ids: Sequence[str], stage: int) -> None:
        """Have layers here that were only known so far, and tell of it as a part of a stage."""
        await self.supply.bring(chain_ids, partial(self.teller.tell, stage))

    async def announce(self, text: str) -> None:
        """Say something that belongs to no stage."""
        await self.tell(Progress(stream=text))

    async def tell(self, line: Progress) -> None:
        """Tell of something that belongs to no stage."""
        await self.teller.announce(line)

    async def tree(self, origin: Origin, stage: int) -> Tree:
        """The files of an origin, for a stage."""
        if origin.tree is not None:
            return origin.tree
        await self.bring(origin.chain_ids, stage)
        return Tree(await self.workspace.mounted(origin.chain_ids), keeps_owners=True)

    async def origin(self, name: str, stage: int, stages: Stages) -> Origin:
        """What `--from=name` means in a stage: a named context, an earlier stage, or an image."""
        if name in self.order.contexts:
            return await self._context(name, stage)
        if earlier := self.dockerfile.stage_before(stage, name):
            return Origin(tuple(await stages.layers_of(earlier.index)))
        image = await self.image(name, "", stage)
        return Origin(tuple(image.chain_ids))

    async def image(self, name: str, platform: str, stage: int) -> Image:
        """An image, pulled if it is not here, or promised if a cache may make it needless. Raises as `Bases.image`."""
        return await self.bases.image(name, platform, stage, is_lazy=bool(self.imported))

    async def _context(self, name: str, stage: int) -> Origin:
        value = self.order.contexts[name]
        if value.startswith(IMAGE):
            image = await self.image(name, "", stage)
            return Origin(tuple(image.chain_ids))
        return Origin(tree=await self._brought(name))

    async def _brought(self, name: str) -> Tree:
        """A context by name, fetched when it is needed for the first time."""
        async with self._fetching(name):
            if name not in self.named:
                bring = self.later.get(name)
                self.named[name] = await (bring() if bring else self._fetched(name, self.order.contexts[name]))
            return self.named[name]

    async def _fetched(self, name: str, value: str) -> Tree:
        """A named context that is elsewhere."""
        if not remote.is_git(value):
            raise BadRequest(
                f"context {name}: {value or 'it did not come along'}",
                hint="a named context is a directory, a git repository or docker-image://NAME",
            )
        place = await anyio.to_thread.run_sync(self.workspace.place, "git")
        return Tree(await remote.clone(value, place))
