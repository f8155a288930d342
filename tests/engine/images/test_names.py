"""Names of images: finding, giving, taking away."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from engine.errors import BadRequest, Conflict, NoSuchImage
from engine.images.removal import User
from engine.images.store import Image, ImageService
from engine.registry.settings import RegistrySettings
from engine.state.store import Store
from engine.wire.images import ImageDeleteItem
from tests.engine.images.conftest import Machine
from tests.fakes.registry import FakeRegistry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]

LOW, TOP = tar_of({"a": b"1"}), tar_of({"b": b"2"})


@pytest.fixture
async def pulled(machine: Machine, registry: FakeRegistry) -> Machine:
    registry.put_image("library/app", "1", [LOW, TOP])
    registry.put_image("library/base", "latest", [LOW])
    await machine.pull("app:1")
    await machine.pull("base")
    return machine


def nobody(_image_id: str) -> Sequence[User]:
    return []


def somebody(_image_id: str) -> Sequence[User]:
    return [User("c" * 64)]


def tagged_at(image: Image) -> int:
    return image.tagged_ns


def shown(items: list[ImageDeleteItem]) -> list[str]:
    return [f"-{item.untagged}" if item.untagged else f"x{item.deleted}" for item in items]


async def test_an_image_is_found_by_every_form_of_its_names(pulled: Machine) -> None:
    images = pulled.images
    image = images.get("base")
    digest = image.repo_digests[0]
    for name in (
        "base:latest", "docker.io/library/base", "docker.io/base:latest", "library/base",
        digest, f"docker.io/library/{digest}", image.id, image.id[7:], image.id[7:19], image.id[:19],
    ):  # fmt: skip
        assert images.get(name) == image, name


@pytest.mark.parametrize(
    "name", ["app", "app:2", "user/app:1", "127.0.0.1:5000/app:1", "f" * 64, "sha256:" + "f" * 64, "sha256:12"]
)
async def test_what_is_not_there_is_not_found(pulled: Machine, name: str) -> None:
    with pytest.raises(NoSuchImage, match=r"No such image"):
        pulled.images.get(name)


@pytest.mark.parametrize("name", ["", "A", "a:", "a/", "-", "a:b:c", "a@b", "a b", "ä", "../a", "a" * 256, "a\0"])
async def test_what_can_be_no_name_is_refused(pulled: Machine, name: str) -> None:
    with pytest.raises(BadRequest):
        pulled.images.get(name)


async def test_a_tag_moves_to_the_image_it_is_given_to(pulled: Machine) -> None:
    images = pulled.images
    await images.tag("app:1", "registry.lan:5000/team/app", "v1")
    assert images.get("registry.lan:5000/team/app:v1") == images.get("app:1")
    await images.tag("base", "app", "1")
    assert images.get("app:1") == images.get("base")
    assert images.get("registry.lan:5000/team/app:v1").repo_tags == ["registry.lan:5000/team/app:v1"]
    with pytest.raises(NoSuchImage):
        await images.tag("none", "x", "")
    with pytest.raises(BadRequest):
        await images.tag("base", "X", "")


@pytest.mark.parametrize(
    ("repository", "tag"),
    [("a" * 64, "1"), ("x", "a/b"), ("x", "sha256:" + "0" * 64), ("x@sha256:" + "0" * 64, "1"), ("X", "1")],
)
async def test_a_name_that_is_none_is_not_given(pulled: Machine, repository: str, tag: str) -> None:
    with pytest.raises(BadRequest):
        await pulled.images.tag("app:1", repository, tag)
    assert pulled.images.get("app:1").repo_tags == ["app:1"]


async def test_removing_one_of_several_names_keeps_the_image(pulled: Machine) -> None:
    images = pulled.images
    await images.tag("app:1", "other", "2")
    assert shown(await images.remove("other:2", force=False, used_by=somebody)) == ["-other:2"]
    assert images.get("app:1").repo_tags == ["app:1"]


async def test_removing_the_last_name_deletes_what_nobody_else_needs(pulled: Machine) -> None:
    image, base = pulled.images.get("app:1"), pulled.images.get("base")
    with pulled.events.listen() as stream:
        items = await pulled.images.remove("app:1", force=False, used_by=nobody)
        actions = [stream.receive_nowait().action for _ in range(2)]
    assert shown(items) == ["-app:1", f"-{image.repo_digests[0]}", f"x{image.id}", f"x{image.chain_ids[1]}"]
    assert actions == ["untag", "delete"], "a digest that goes with its tag is not told of"
    assert pulled.images.all() == [base]
    await pulled.images.remove(base.id, force=False, used_by=nobody)
    assert pulled.files() == []


async def test_an_image_in_use_is_kept_unless_forced_and_its_layers_always(pulled: Machine) -> None:
    images = pulled.images
    image = images.get("app:1")
    await pulled.snapshots.create("c", image.chain_ids)
    with pytest.raises(
        Conflict, match=r'unable to remove repository reference "app:1" \(must force\) - container cccccccccccc'
    ):
        await images.remove("app:1", force=False, used_by=somebody)
    with pytest.raises(Conflict, match=r"unable to delete [0-9a-f]{12} \(must be forced\) - image is being used"):
        await images.remove(image.id, force=False, used_by=somebody)
    await images.remove("app:1", force=True, used_by=somebody)
    assert images.get(image.id).repo_tags == []
    assert shown(await images.remove(image.id, force=True, used_by=somebody)) == [f"x{image.id}"]
    assert (await pulled.snapshots.mount("c") / "b").read_bytes() == b"2"
    await pulled.snapshots.remove("c")
    items, freed = await images.prune(only_dangling=True, used_by=nobody)
    assert shown(items) == [f"x{image.chain_ids[1]}"]
    assert freed > 0


async def test_an_image_with_names_in_several_repositories_is_removed_by_id_only_with_force(pulled: Machine) -> None:
    await pulled.images.tag("app:1", "other", "")
    image = pulled.images.get("app:1")
    with pytest.raises(Conflict, match="image is referenced in multiple repositories"):
        await pulled.images.remove(image.id, force=False, used_by=nobody)
    await pulled.images.remove(image.id, force=True, used_by=nobody)
    with pytest.raises(NoSuchImage):
        pulled.images.get("other")


async def test_pruning_takes_untagged_images_and_on_request_all_unused(pulled: Machine, registry: FakeRegistry) -> None:
    old = pulled.images.get("app:1")
    registry.put_image("library/app", "1", [TOP])
    await pulled.pull("app:1")
    items, freed = await pulled.images.prune(only_dangling=True, used_by=nobody)
    assert f"x{old.id}" in shown(items)
    assert freed > 0
    assert {tag for image in pulled.images.all() for tag in image.repo_tags} == {"app:1", "base:latest"}
    await pulled.images.prune(only_dangling=False, used_by=nobody)
    assert pulled.files() == []


async def test_images_are_known_after_a_restart_and_half_made_things_are_gone(
    pulled: Machine, registry: FakeRegistry
) -> None:
    before, files = pulled.images.all(), pulled.files()
    (pulled.paths.layers / ".tmp-x/diff").mkdir(parents=True)
    (pulled.paths.content / "sha256/.tmp-y").write_bytes(b"half")
    store = Store.open(pulled.paths.database)
    again = ImageService(pulled.paths, store, pulled.events, RegistrySettings())
    await again.recover()
    assert sorted(again.all(), key=tagged_at) == sorted(before, key=tagged_at)
    assert pulled.files() == files
    store.close()


async def test_a_layer_that_went_missing_is_pulled_again(pulled: Machine) -> None:
    image = pulled.images.get("app:1")
    (pulled.paths.layers / image.chain_ids[1][7:]).rename(pulled.paths.root / "lost")
    assert "Pull complete" in [line.status for line in await pulled.pull("app:1")]
    assert msgspec.structs.replace(pulled.images.get("app:1"), tagged_ns=image.tagged_ns) == image
