"""Many at once: pulls that are called off or not, removals, prunes, tags that move. The state stays consistent."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import anyio
import pytest

from engine.errors import Conflict, NoSuchImage
from engine.images.archives.taking_in import ImportOptions
from engine.images.configuration import Configuration, RootFilesystem, encode_configuration
from engine.images.record import Image
from engine.images.store import ImageService
from engine.registry.settings import RegistrySettings
from engine.storage.content import digest_of
from tests.engine.images.conftest import Machine
from tests.fakes.registry import FakeRegistry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]

SHARED = [tar_of({f"shared/{number}": bytes([number]) * 5000}) for number in range(4)]
REPOSITORIES = [f"app{number}" for number in range(6)]
_MOST_SECONDS = 600  # what hangs, hangs for ever


@pytest.fixture
def stocked(machine: Machine, registry: FakeRegistry) -> Machine:
    """A registry with images that share layers with one another, two tags each."""
    for number, name in enumerate(REPOSITORIES):
        for tag in ("1", "2"):
            own = tar_of({f"own/{name}/{tag}": name.encode() * 3000})
            registry.put_image(f"library/{name}", tag, [*SHARED[: 1 + number % 4], own])
    return machine


class Crowd:
    """People who all do something to one machine, as their dice say."""

    def __init__(self, machine: Machine, dice: Random) -> None:
        self.machine = machine
        self.dice = dice
        self.names = [f"{name}:{tag}" for name in REPOSITORIES for tag in ("1", "2")]

    async def pull(self) -> None:
        """Pull an image, and often lose interest after some lines."""
        patience = self.dice.choice([1, 2, 3, 5, 8, 999, 999, 999])
        lines = self.machine.images.pull(self.dice.choice(self.names))
        async for _ in lines:
            patience -= 1
            if not patience:
                break
        await lines.aclose()

    async def pull_until_cancelled(self) -> None:
        """Pull an image in a task that is cancelled at any await."""
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.machine.pull, self.dice.choice(self.names))
                for _ in range(self.dice.randrange(40)):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

    async def remove(self) -> None:
        await self.machine.images.remove(self.dice.choice(self.names), force=True, used_by=lambda _: [])

    async def prune(self) -> None:
        await self.machine.images.prune(only_dangling=self.dice.random() < 0.7, used_by=lambda _: [])

    async def tag(self) -> None:
        source, target = self.dice.sample(REPOSITORIES, 2)
        await self.machine.images.tag(f"{source}:1", target, self.dice.choice(["1", "moved"]))

    async def take_in(self) -> None:
        """Import an archive, as `docker import` does."""

        async def archive() -> AsyncIterator[bytes]:
            yield tar_of({"imported": self.dice.randbytes(100)})

        await self.machine.images.take_in(archive(), ImportOptions(tag=f"imported:{self.dice.randrange(3)}"))

    async def load(self) -> None:
        """Load an archive, as `docker load` does."""
        layer = tar_of({"loaded": bytes([self.dice.randrange(3)]) * 100})
        config = encode_configuration(
            Configuration(architecture="amd64", rootfs=RootFilesystem(diff_ids=[digest_of(layer)]))
        )
        manifest = [{"Config": "c.json", "RepoTags": ["loaded:1"], "Layers": ["l.tar"]}]
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as bundle:
            for name, content in (
                ("c.json", config),
                ("l.tar", layer),
                ("manifest.json", json.dumps(manifest).encode()),
            ):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                bundle.addfile(entry, io.BytesIO(content))

        async def chunks() -> AsyncIterator[bytes]:
            yield gzip.compress(buffer.getvalue())

        async for _ in self.machine.images.load(chunks()):
            continue

    async def create(self) -> None:
        """Make a container of an image and remove it again."""
        images, identity = self.machine.images, self.dice.randbytes(8).hex()
        image = images.get(self.dice.choice(self.names))
        with images.holding(image.chain_ids):
            await anyio.lowlevel.checkpoint()
            await self.machine.snapshots.create(identity, image.chain_ids)
        merged = await self.machine.snapshots.mount(identity)
        assert sum(1 for _ in merged.rglob("*")) >= len(image.chain_ids)
        await self.machine.snapshots.unmount(identity)
        await self.machine.snapshots.remove(identity)

    async def do(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except (NoSuchImage, Conflict):
            return  # somebody else was faster


def assert_consistent(machine: Machine) -> None:
    inventory, images = machine.images.inventory, machine.images.all()
    for image in images:
        for chain_id in image.chain_ids:
            assert inventory.layers.has(chain_id), (image.repo_tags, chain_id)
            assert inventory.layers.path(chain_id).is_dir()
        for digest in image.content:
            assert inventory.content.has(digest), (image.repo_tags, digest)
    names = [name for image in images for name in (*image.repo_tags, *image.repo_digests)]
    assert len(names) == len(set(names))
    assert not [name for name in machine.files() if name.startswith(".tmp")]


def by_id(image: Image) -> str:
    return image.id


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_at_once_what_is_recorded_is_there(
    stocked: Machine, registry: FakeRegistry, seed: int
) -> None:
    crowd = Crowd(stocked, Random(seed))
    acts = [
        *[crowd.pull] * 8, *[crowd.pull_until_cancelled] * 4, *[crowd.remove] * 4, crowd.prune, crowd.tag, crowd.tag,
        crowd.take_in, crowd.load, *[crowd.create] * 3,
    ]  # fmt: skip
    with anyio.fail_after(_MOST_SECONDS):
        for _ in range(4):
            async with anyio.create_task_group() as tasks:
                for act in crowd.dice.choices(acts, k=30):
                    tasks.start_soon(crowd.do, act)
            assert_consistent(stocked)
    before = sorted(stocked.images.all(), key=by_id)
    again = ImageService(stocked.paths, stocked.store, stocked.events, RegistrySettings())
    await again.recover()
    assert sorted(again.all(), key=by_id) == before
    await stocked.images.prune(only_dangling=False, used_by=lambda _: [])
    assert stocked.images.all() == []
    assert stocked.files() == []


async def test_thirty_pulls_of_one_image_fetch_it_once_though_half_are_cancelled(
    stocked: Machine, registry: FakeRegistry
) -> None:
    async def pull_a_little() -> None:
        lines = stocked.images.pull("app3:1")
        async for _ in lines:
            break
        await lines.aclose()

    with anyio.fail_after(_MOST_SECONDS):
        async with anyio.create_task_group() as tasks:
            for number in range(30):
                tasks.start_soon(pull_a_little if number % 2 else lambda: stocked.pull("app3:1"))
    assert registry.blob_requests() <= 30 + 6, "layers once; the config is small and may be asked for by each"
    layers = [path for path in registry.asked if "/blobs/" in path]
    assert sum(1 for path in layers if registry.asked[path] == 1) >= 5
    assert_consistent(stocked)


async def test_who_begins_to_need_a_layer_while_it_goes_finds_it_gone_or_keeps_it(stocked: Machine) -> None:
    await stocked.pull("app1:1")
    image = stocked.images.get("app1:1")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: stocked.images.remove("app1:1", force=True, used_by=lambda _: []))
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
            with stocked.images.holding(image.chain_ids):
                there = {chain_id for chain_id in image.chain_ids if stocked.images.inventory.layers.has(chain_id)}
                await anyio.lowlevel.checkpoint()
                assert all(stocked.images.inventory.layers.path(chain_id).is_dir() for chain_id in there)
