"""What the stages of one build share: the order, the files, the cache, and images that were brought for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import anyio
import anyio.to_thread
from msgspec import UNSET

from engine.builder import remote
from engine.builder.cache import Cache, Entry
from engine.builder.dockerfile.evaluate import State
from engine.builder.dockerfile.stages import Dockerfile
from engine.builder.dockerfile.words import expand
from engine.builder.mounts import CacheMounts
from engine.builder.order import BuildOrder
from engine.builder.transcript import Transcript
from engine.builder.tree import Tree
from engine.builder.workspace import Workspace
from engine.containers.drivers import Drivers
from engine.errors import BadRequest, NoSuchImage, NotFound
from engine.images.record import Image
from engine.images.store import ImageService
from engine.registry.platforms import Platform
from engine.registry.reference import Reference
from engine.state.names import new_id
from engine.wire.ignore import Ignore
from engine.wire.images import AuthConfig

_IMAGE: Final = "docker-image://"
_DOCKER_HUB: Final = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True)
class Origin:
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


@dataclass(slots=True)
class Bench:
    """Made once per build."""

    order: BuildOrder
    dockerfile: Dockerfile
    variables: Mapping[str, str]
    platform: Platform
    drivers: Drivers
    images: ImageService
    cache: Cache
    cache_mounts: CacheMounts
    workspace: Workspace
    transcript: Transcript
    limiter: anyio.CapacityLimiter
    ignore: Ignore
    secrets: Mapping[str, bytes]
    secrets_root: Path
    named: dict[str, Tree]
    has_secrets_on_disk: bool = False
    imported: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    fresh: list[Entry] = field(default_factory=list[Entry])
    used: list[Entry] = field(default_factory=list[Entry])
    _locks: dict[str, anyio.Lock] = field(default_factory=dict[str, anyio.Lock])
    _pulled: set[str] = field(default_factory=set[str])

    @property
    def context(self) -> Tree:
        """The build's context."""
        return Tree(self.workspace.context, self.ignore)

    def expander(self, state: State) -> Callable[[str], str]:
        """What replaces variables at a point of a stage. Raises `Misspelt`."""
        variables = state.variables
        return lambda word: expand(word, variables.get, self.dockerfile.escape)

    def secret_place(self) -> Path:
        """A new directory for a secret, in memory where the run directory is. Blocks."""
        self.has_secrets_on_disk = True
        place = self.secrets_root / new_id()[:16]
        place.mkdir(mode=0o700, parents=True)
        return place

    def look_up(self, key: str) -> Entry | None:
        """What a step with that key made before; notes that it is used."""
        if self.order.no_cache:
            return None
        entry = self.cache.get(key) or self.imported.get(key)
        if entry is None:
            return None
        self.used.append(entry)
        return self.look_up(entry.stands_for) if entry.stands_for else entry

    async def tree(self, origin: Origin) -> Tree:
        """The files of an origin."""
        if origin.tree is not None:
            return origin.tree
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
        """An image, pulled if it is not here or the order says so. Raises `NotFound`, `RegistryError`, …"""
        reference = self.order.contexts.get(name, name)
        if name in self.order.contexts:
            if not reference.startswith(_IMAGE):
                raise BadRequest(f"context {name} is a directory, where an image is needed")
            reference = reference.removeprefix(_IMAGE)
        async with self._locks.setdefault(reference, anyio.Lock()):
            wanted = Platform.parse(platform) if platform else self.platform
            found = self._local(reference)
            is_wanted = found is not None and _is_for(found, wanted)
            if (self.order.pull and reference not in self._pulled) or not is_wanted:
                await self._pull(reference, str(wanted), stage)
                self._pulled.add(reference)
                found = self.images.get(reference)
            assert found is not None  # it was there, or has just been pulled
            if not _is_for(found, wanted):
                actual = Platform(found.os, found.architecture, found.variant)
                raise NotFound(f"image {reference} is for {actual}, not for {wanted}")
            return found

    async def _context(self, name: str, stage: int) -> Origin:
        value = self.order.contexts[name]
        if value.startswith(_IMAGE):
            image = await self.image(name, "", stage)
            return Origin(tuple(image.chain_ids))
        async with self._locks.setdefault(f"context {name}", anyio.Lock()):
            if name not in self.named:
                self.named[name] = await self._fetched(name, value)
            return Origin(tree=self.named[name])

    async def _fetched(self, name: str, value: str) -> Tree:
        """A named context that is elsewhere."""
        if not remote.is_git(value):
            raise BadRequest(
                f"context {name}: {value or 'it did not come along'}",
                hint="a named context is a directory, a git repository or docker-image://NAME",
            )
        place = await anyio.to_thread.run_sync(self.workspace.place, "git")
        return Tree(await remote.clone(value, place))

    def _local(self, reference: str) -> Image | None:
        try:
            return self.images.get(reference)
        except NoSuchImage:
            return None

    async def _pull(self, reference: str, platform: str, stage: int) -> None:
        auth = self._auth(Reference.parse(reference).registry)
        async with aclosing(self.images.pull(reference, platform=platform, auth=auth)) as lines:
            async for line in lines:
                if line.progress_detail is UNSET or line.progress_detail.current is UNSET:
                    await self.transcript.tell(stage, line)

    def _auth(self, registry: str) -> AuthConfig | None:
        names = (registry, f"https://{registry}", _DOCKER_HUB if registry == "docker.io" else registry)
        return next((self.order.registries[name] for name in names if name in self.order.registries), None)


def _is_for(image: Image, wanted: Platform) -> bool:
    actual = Platform(image.os or wanted.os, image.architecture or wanted.architecture, image.variant)
    return wanted.rank(actual) is not None
