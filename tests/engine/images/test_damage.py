"""What was taken out of the state directory, or spoilt: a clear error, and healed by pulling again."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from engine.errors import EngineError, InvalidLayer, NotFound
from engine.images.record import Image
from tests.engine.images.conftest import Machine
from tests.fakes.registry import FakeRegistry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]

# Not as our own archives are, so that their blobs are needed to push and to save.
LOW, TOP = (gzip.decompress(gzip.compress(tar_of({name: b"1", "z": b"2", "a": b"3"}))) for name in ("low", "top"))


@pytest.fixture
async def pulled(machine: Machine, registry: FakeRegistry) -> Machine:
    registry.put_image("library/app", "1", [LOW, TOP])
    await machine.pull("app:1")
    return machine


def home(machine: Machine, image: Image, layer: int = 1) -> Path:
    return machine.paths.layers / image.chain_ids[layer].removeprefix("sha256:")


def link(machine: Machine, image: Image) -> Path:
    return machine.paths.layers / machine.images.inventory.layers.short_path(image.chain_ids[1])


def lose_files(machine: Machine, image: Image) -> None:
    shutil.rmtree(home(machine, image) / "diff")


def lose_record(machine: Machine, image: Image) -> None:
    (home(machine, image) / "layer").unlink()


def spoil_record(machine: Machine, image: Image) -> None:
    (home(machine, image) / "layer").write_bytes(b"\0" * 20)


def lose_layer(machine: Machine, image: Image) -> None:
    shutil.rmtree(home(machine, image))


def lose_link(machine: Machine, image: Image) -> None:
    link(machine, image).unlink()


@pytest.mark.parametrize("damage", [lose_files, lose_record, spoil_record, lose_layer, lose_link])
async def test_a_damaged_layer_is_noticed_and_mended_by_a_pull(
    pulled: Machine, damage: object, registry: FakeRegistry
) -> None:
    image = pulled.images.get("app:1")
    assert callable(damage)
    damage(pulled, image)
    with pytest.raises(NotFound, match="is not there"):
        await pulled.snapshots.create("c", image.chain_ids)
    await pulled.snapshots.remove("c")
    await pulled.pull("app:1")
    await pulled.snapshots.create("c", image.chain_ids)
    merged = await pulled.snapshots.mount("c")
    assert {path.name for path in merged.iterdir()} >= {"low", "top", "a", "z"}
    await pulled.snapshots.unmount("c")
    await pulled.snapshots.remove("c")
    assert [step.size for step in pulled.images.history(pulled.images.get("app:1"))] == [3, 3]
    await pulled.images.remove("app:1", force=True, used_by=lambda _: [])
    assert pulled.files() == []


@pytest.mark.parametrize("damage", [lose_record, spoil_record, lose_layer])
async def test_what_needs_the_damaged_part_says_so(pulled: Machine, damage: object) -> None:
    image = pulled.images.get("app:1")
    assert callable(damage)
    damage(pulled, image)
    with pytest.raises(InvalidLayer, match="layer sha256") as raised:
        pulled.images.history(image)
    assert "pull" in (raised.value.hint or "")
    assert pulled.images.inspect(image).id == image.id
    await pulled.images.disk_use()
    await pulled.images.remove("app:1", force=True, used_by=lambda _: [])
    assert pulled.images.all() == []


@pytest.mark.parametrize("which", range(4), ids=["manifest", "config", "low", "top"])
async def test_a_lost_blob_is_fetched_again_by_a_pull(pulled: Machine, which: int, registry: FakeRegistry) -> None:
    image = pulled.images.get("app:1")
    assert len(image.content) == 4
    path = pulled.images.inventory.content.path(image.content[which])
    before = path.read_bytes()
    path.unlink()
    asked = registry.blob_requests()
    await pulled.pull("app:1")
    assert path.read_bytes() == before
    assert registry.blob_requests() - asked == (0 if which == 0 else 1)
    assert pulled.images.get("app:1").content == image.content


@pytest.mark.parametrize("which", range(4), ids=["manifest", "config", "low", "top"])
async def test_a_blob_that_was_cut_short_is_fetched_again_by_a_pull(pulled: Machine, which: int) -> None:
    image = pulled.images.get("app:1")
    path = pulled.images.inventory.content.path(image.content[which])
    before = path.read_bytes()
    path.write_bytes(b"")
    await pulled.pull("app:1")
    assert path.read_bytes() == before


async def test_what_a_registry_says_of_a_blobs_size_costs_nobody_the_blob(pulled: Machine) -> None:
    content = pulled.images.inventory.content
    digest = pulled.images.get("app:1").content[3]
    content.drop_if_spoilt(digest, 7)
    assert content.has(digest)


async def test_a_lost_blob_that_comes_back_wrong_is_refused(pulled: Machine, registry: FakeRegistry) -> None:
    image = pulled.images.get("app:1")
    path = pulled.images.inventory.content.path(image.content[3])
    path.unlink()
    answers = registry.answers[f"/v2/library/app/blobs/{image.content[3]}"]
    registry.answers[f"/v2/library/app/blobs/{image.content[3]}"] = (answers[0], answers[1][::-1])
    with pytest.raises(EngineError, match="corrupt"):
        await pulled.pull("app:1")
    assert not path.exists()
    assert pulled.images.get("app:1").chain_ids == image.chain_ids


async def test_an_engine_starts_with_a_damaged_layer_and_removes_it_if_nobody_needs_it(
    pulled: Machine, registry: FakeRegistry
) -> None:
    image = pulled.images.get("app:1")
    spoil_record(pulled, image)
    await pulled.images.recover()
    assert home(pulled, image).exists(), "its image needs it: a pull mends it"
    await pulled.images.inventory.images.delete(image.id)
    await pulled.images.recover()
    assert not home(pulled, image).exists()
    assert home(pulled, image, 0).exists(), "what was pulled stays for the next try"
