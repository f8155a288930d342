"""Images that were made here: recorded, named, kept and cleared away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from engine.errors import BadRequest, NotFound, RegistryError
from engine.images.configuration import Configuration, HistoryEntry, RootFilesystem, encode_configuration
from engine.images.inventory import Inventory
from engine.storage.content import digest_of
from engine.storage.layers import CapturedLayer, chain_ids
from engine.wire.containers import ContainerConfig, HealthConfig
from tests.engine.images.conftest import Machine
from tests.fakes.registry import FakeRegistry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]


def capture(machine: Machine, name: str, parents: Sequence[str] = ()) -> CapturedLayer:
    upper = machine.paths.root / "upper"
    upper.mkdir()
    (upper / name).write_text(name)
    return machine.images.inventory.layers.capture(upper, parents, moves=True)


def configuration(*diff_ids: str, command: str = "run") -> Configuration:
    return Configuration(
        architecture="amd64",
        created="2024-01-02T03:04:05Z",
        config=ContainerConfig(cmd=[command], labels={"made": "here"}),
        rootfs=RootFilesystem(diff_ids=list(diff_ids)),
        history=[HistoryEntry(created_by="step") for _ in diff_ids],
    )


def test_a_config_says_what_is_set_and_nothing_else() -> None:
    body = encode_configuration(
        Configuration(
            architecture="arm64",
            variant="v8",
            config=ContainerConfig(
                env=["A=b"], exposed_ports={"80/tcp": {}}, stop_timeout=0, healthcheck=HealthConfig(test=["NONE"])
            ),
            history=[HistoryEntry(created_by="x", empty_layer=True)],
        )
    )
    assert msgspec.json.decode(body) == {
        "architecture": "arm64",
        "config": {
            "Env": ["A=b"],
            "ExposedPorts": {"80/tcp": {}},
            "Healthcheck": {"Test": ["NONE"]},
            "StopTimeout": 0,
        },
        "history": [{"created_by": "x", "empty_layer": True}],
        "os": "linux",
        "rootfs": {"diff_ids": [], "type": "layers"},
        "variant": "v8",
    }


async def test_an_added_image_is_one_like_any_other(machine: Machine) -> None:
    inventory = machine.images.inventory
    with inventory.making():
        low = capture(machine, "low")
        top = capture(machine, "top", [low.chain_id])
        body = encode_configuration(configuration(low.diff_id, top.diff_id))
        image = await inventory.add(body, tags=["shop/web", "shop/web:2"], parent="sha256:" + "0" * 64)
    assert image.id == digest_of(body)
    assert image.chain_ids == [low.chain_id, top.chain_id] == chain_ids(image.diff_ids)
    assert image.size == low.size_bytes + top.size_bytes
    assert machine.images.get("shop/web:2") == machine.images.get("shop/web") == image
    assert machine.images.inspect(image).config.cmd == ["run"]
    assert inventory.content.read(image.id) == body
    assert [(event.action, event.actor.attributes["name"]) for event in await machine.heard()] == [
        ("create", image.id),
        ("tag", "shop/web:latest"),
        ("tag", "shop/web:2"),
    ]


async def test_adding_it_again_only_gives_names_and_takes_them_from_others(machine: Machine) -> None:
    inventory = machine.images.inventory
    layer = capture(machine, "file")
    first = await inventory.add(encode_configuration(configuration(layer.diff_id)), tags=["app:1"])
    assert await inventory.add(
        encode_configuration(configuration(layer.diff_id)), tags=["app:1"]
    ) == machine.images.get("app:1")
    second = await inventory.add(encode_configuration(configuration(layer.diff_id, command="other")), tags=["app:1"])
    assert machine.images.get("app:1").id == second.id
    assert machine.images.get(first.id).repo_tags == []
    assert len(machine.images.all()) == 2


async def test_what_is_wrong_is_refused_and_nothing_is_recorded(machine: Machine) -> None:
    inventory = machine.images.inventory
    body = encode_configuration(configuration("sha256:" + "1" * 64))
    with pytest.raises(NotFound, match="is not there"):
        await inventory.add(body)
    with pytest.raises(BadRequest):
        await inventory.add(encode_configuration(configuration()), tags=["Not A Name"])
    with pytest.raises(RegistryError):
        await inventory.add(b"not JSON")
    assert machine.images.all() == []
    assert machine.files() == []


async def test_an_image_on_a_pulled_one_keeps_the_blobs_of_its_layers(machine: Machine, registry: FakeRegistry) -> None:
    inventory = machine.images.inventory
    registry.put_image("library/base", "1", [tar_of({"etc/a": b"low"})])
    await machine.pull("base:1")
    base = machine.images.get("base:1")
    layer = capture(machine, "mine", base.chain_ids)
    image = await inventory.add(encode_configuration(configuration(*base.diff_ids, layer.diff_id)), parent=base.id)
    blob = inventory.layers.record(base.chain_ids[0]).blob
    assert image.content == [image.id, blob]
    assert inventory.content.has(blob)


async def test_nothing_is_deleted_while_something_is_made_but_afterwards(machine: Machine) -> None:
    inventory = machine.images.inventory
    with inventory.making():
        layer = capture(machine, "file")
        await machine.images.prune(only_dangling=True, used_by=lambda _: [])
        assert inventory.layers.has(layer.chain_id)
    _, freed = await machine.images.prune(only_dangling=True, used_by=lambda _: [])
    assert freed == layer.size_bytes
    assert machine.files() == []


async def test_what_somebody_keeps_is_neither_pruned_nor_taken_for_an_orphan(machine: Machine) -> None:
    inventory = machine.images.inventory
    layer = capture(machine, "cached")
    inventory.keep(lambda: [layer.chain_id])
    await machine.images.prune(only_dangling=True, used_by=lambda _: [])
    await inventory.recover()
    assert inventory.layers.has(layer.chain_id)


async def test_after_a_crash_layers_without_image_go_and_pulled_ones_stay(
    machine: Machine, registry: FakeRegistry
) -> None:
    registry.put_image("library/base", "1", [tar_of({"etc/a": b"low"})])
    await machine.pull("base:1")
    pulled = machine.images.get("base:1")
    layer = capture(machine, "orphan", pulled.chain_ids)
    kept = capture(machine, "kept")
    image = await machine.images.inventory.add(encode_configuration(configuration(kept.diff_id)))
    machine.images.inventory.content.put(digest_of(b"{}"), b"{}")
    await machine.store.table("image", type(image)).delete(pulled.id)  # as if the crash came before the record
    successor = Inventory(machine.paths, machine.store, machine.events)
    await successor.recover()
    assert not successor.layers.has(layer.chain_id)
    assert not successor.content.has(digest_of(b"{}"))
    assert successor.layers.has(pulled.chain_ids[0])
    assert successor.content.has(successor.layers.record(pulled.chain_ids[0]).blob)
    assert successor.layers.has(kept.chain_id)
    assert not (Path(machine.paths.root) / "upper").exists()


async def test_names_that_a_crash_left_with_two_images_go_to_the_newer_one(machine: Machine) -> None:
    names, digests = ["app:1", "app:2"], ["app@sha256:" + "d" * 64]
    layer = capture(machine, "one")
    table = machine.images.inventory.images
    made = await machine.images.inventory.add(encode_configuration(configuration(layer.diff_id)), tags=names)
    old = msgspec.structs.replace(made, repo_digests=digests, repo_tags=["old:1", *names])
    new = msgspec.structs.replace(old, id="sha256:" + "e" * 64, repo_tags=names, tagged_ns=old.tagged_ns + 1)
    await table.put(old)
    await table.put(new)
    await machine.images.recover()
    assert (machine.images.get(old.id).repo_tags, machine.images.get(old.id).repo_digests) == (["old:1"], [])
    assert machine.images.get(new.id) == new
