"""State directories of engines that did not note which blob a pulled layer came from."""

from __future__ import annotations

import pytest

from engine.errors import InvalidLayer
from engine.images.record import Image
from tests.engine.images.conftest import Machine
from tests.fakes.registry import FakeRegistry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]


@pytest.fixture
async def image(machine: Machine, registry: FakeRegistry) -> Image:
    """An image whose layers' blobs nobody noted; its layers came as no writer of ours packs them."""
    registry.put_image("library/app", "1", [tar_of({"etc/b": b"1", "etc/a": b"2"}), tar_of({"etc/c": b"3"})])
    await machine.pull("app:1")
    image = machine.images.get("app:1")
    for chain_id in image.chain_ids:
        machine.images.inventory.layers.note_blob(chain_id, "")
    return image


def can_be_saved(machine: Machine, image: Image) -> bool:
    try:
        for chain_id in image.chain_ids:
            machine.images.inventory.write_layer(chain_id, lambda _: None)
    except InvalidLayer:
        return False
    return True


async def test_the_next_start_notes_the_blobs(machine: Machine, image: Image) -> None:
    assert not can_be_saved(machine, image)
    await machine.images.recover()
    assert can_be_saved(machine, image)
    records = [machine.images.inventory.layers.record(chain_id) for chain_id in image.chain_ids]
    assert {record.blob for record in records} < set(image.content)


async def test_blobs_that_are_not_there_come_with_the_next_pull(machine: Machine, image: Image) -> None:
    machine.images.inventory.content.remove(image.content)
    await machine.images.recover()
    assert not can_be_saved(machine, image)
    await machine.pull("app:1")
    assert can_be_saved(machine, machine.images.get("app:1"))
