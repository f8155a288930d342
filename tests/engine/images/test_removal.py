"""What removing an image by a name or by its id means, over all that can stand against it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.errors import Conflict
from engine.images.configuration import encode_configuration
from engine.images.record import Image
from engine.images.removal import User, plan_removal
from engine.wire.containers import ContainerConfig
from tests.engine.images.conftest import Machine
from tests.engine.images.test_inventory import capture, configuration
from tests.engine.images.test_names import nobody, shown

ID = "sha256:" + "ab" * 32
SHORT = "abababababab"
DIGEST = "app@sha256:" + "1" * 64
STOPPED, RUNNING = User("c" * 64), User("d" * 64, is_running=True)


def image(*tags: str, digests: Sequence[str] = ()) -> Image:
    return Image(
        id=ID, config=ContainerConfig(), chain_ids=[], diff_ids=[], repo_tags=list(tags), repo_digests=list(digests)
    )


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize(
    ("known", "wanted", "gone", "deletes"),
    [
        (image("app:1"), "app:1", ("app:1",), True),
        (image("app:1", digests=[DIGEST]), "app:1", ("app:1", DIGEST), True),
        (image("app:1", "app:2", digests=[DIGEST]), "app:1", ("app:1",), False),
        (image("app:1", digests=[DIGEST]), DIGEST, (DIGEST,), False),
        (image("app:1", "other:1", digests=[DIGEST]), "app:1", ("app:1", DIGEST), False),
        (image("app:1", digests=[DIGEST]), SHORT, ("app:1", DIGEST), True),
        (image(digests=[DIGEST]), ID, (DIGEST,), True),
        (image(), ID, (), True),
    ],
)
def test_an_unused_image_goes_with_its_last_name_or_by_its_id(
    known: Image, wanted: str, gone: tuple[str, ...], deletes: bool, force: bool
) -> None:
    removal = plan_removal(known, wanted, force=force, users=[])
    assert (removal.untagged, removal.deletes) == (gone, deletes)


@pytest.mark.parametrize("known", [image("app:1", "other:1"), image("app:1", "app:2")])
def test_several_tags_stand_against_the_id_but_not_against_force(known: Image) -> None:
    with pytest.raises(Conflict, match=r"unable to delete abababababab \(must be forced\) - image is referenced in"):
        plan_removal(known, SHORT, force=False, users=[])
    assert plan_removal(known, SHORT, force=True, users=[]).deletes


def test_a_stopped_container_stands_against_all_but_force() -> None:
    with pytest.raises(Conflict, match=r'reference "app:1" \(must force\) - container cccccccccccc is using its'):
        plan_removal(image("app:1"), "app:1", force=False, users=[STOPPED])
    with pytest.raises(Conflict, match=r"\(must be forced\) - image is being used by stopped container cccccccccccc"):
        plan_removal(image("app:1"), SHORT, force=False, users=[STOPPED])
    assert plan_removal(image("app:1"), SHORT, force=True, users=[STOPPED]).deletes
    assert not plan_removal(image("app:1", "app:2"), "app:1", force=False, users=[STOPPED]).deletes


@pytest.mark.parametrize("force", [True, False])
def test_against_running_containers_and_children_no_force_helps(force: bool) -> None:
    with pytest.raises(Conflict, match=r"\(cannot be forced\) - image is being used by running container dddddddddddd"):
        plan_removal(image("app:1"), SHORT, force=force, users=[STOPPED, RUNNING])
    with pytest.raises(Conflict, match=r"\(cannot be forced\) - image has dependent child images"):
        plan_removal(image("app:1"), SHORT, force=force, users=[], has_children=True)


def test_the_last_name_of_an_image_that_is_needed_goes_alone() -> None:
    assert plan_removal(image("app:1"), "app:1", force=True, users=[RUNNING]).untagged == ("app:1",)
    assert not plan_removal(image("app:1"), "app:1", force=True, users=[RUNNING]).deletes
    assert not plan_removal(image("app:1"), "app:1", force=False, users=[], has_children=True).deletes


async def generations(machine: Machine) -> list[Image]:
    """An image, one made of it, and one made of that; only the last has a name."""
    made: list[Image] = []
    layers: list[str] = []
    for name in ("one", "two", "three"):
        parents = made[-1].chain_ids if made else []
        layers.append(capture(machine, name, parents).diff_id)
        tags = ["app:1"] if name == "three" else []
        body = encode_configuration(configuration(*layers))
        made.append(await machine.images.add(body, tags=tags, parent=made[-1].id if made else ""))
    return made


@pytest.mark.root
@pytest.mark.anyio
async def test_with_an_image_go_its_nameless_parents_unless_they_are_to_stay(machine: Machine) -> None:
    one, two, three = await generations(machine)
    items = await machine.images.remove("app:1", force=False, used_by=nobody, with_parents=False)
    assert shown(items) == ["-app:1", f"x{three.id}", f"x{three.chain_ids[2]}"]
    assert [image.id for image in machine.images.all()] == [one.id, two.id]
    items = await machine.images.remove(two.id, force=False, used_by=nobody)
    assert shown(items) == [f"x{two.id}", f"x{two.chain_ids[1]}", f"x{one.id}", f"x{one.chain_ids[0]}"]
    assert machine.files() == []


@pytest.mark.root
@pytest.mark.anyio
async def test_a_parent_with_a_name_or_a_container_stays(machine: Machine) -> None:
    one, two, _ = await generations(machine)
    await machine.images.tag(one.id, "base", "1")

    def used_by(image_id: str) -> list[User]:
        return [STOPPED] if image_id == two.id else []

    await machine.images.remove("app:1", force=False, used_by=used_by)
    assert [image.id for image in machine.images.all()] == [one.id, two.id]
    await machine.images.remove(two.id, force=True, used_by=used_by)
    assert machine.images.get("base:1").id == one.id


@pytest.mark.root
@pytest.mark.anyio
async def test_the_history_of_an_image_names_those_that_it_was_made_from(machine: Machine) -> None:
    one, two, three = await generations(machine)
    history = machine.images.history(machine.images.get("app:1"))
    assert [(step.id, step.tags) for step in history] == [(three.id, ["app:1"]), (two.id, None), (one.id, None)]
    assert machine.images.inspect(two).parent == one.id


@pytest.mark.root
@pytest.mark.anyio
async def test_pruning_takes_nameless_images_with_their_parents_and_spares_what_it_is_told(machine: Machine) -> None:
    one, _, three = await generations(machine)
    await machine.images.prune(only_dangling=True, used_by=nobody)
    assert len(machine.images.all()) == 3
    await machine.images.prune(only_dangling=False, used_by=nobody, spares=lambda image: image.id == three.id)
    assert len(machine.images.all()) == 3
    await machine.images.prune(only_dangling=False, used_by=nobody, spares=lambda image: image.id == one.id)
    assert machine.images.all() == []
    assert machine.files() == []
