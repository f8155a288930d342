"""Saving images: what the archive says, and that it can be loaded again."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.errors import EngineError, NoSuchImage
from engine.images.configuration import encode_configuration
from tests.engine.images.bundles import in_pieces
from tests.engine.images.conftest import Machine, machine_with_mirror
from tests.engine.images.test_inventory import capture, configuration
from tests.fakes.registry import FakeRegistry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]

LOW = tar_of({"etc/a": b"low"})


async def save(machine: Machine, *names: str) -> bytes:
    return b"".join([chunk async for chunk in machine.images.save(names)])


def files(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened if member.isfile()}  # type: ignore[union-attr]  # of files only


def parsed(data: bytes, name: str) -> Any:
    return json.loads(files(data)[name])


async def family(machine: Machine, registry: FakeRegistry) -> str:
    """A pulled image and one that was made of it; the id of the latter."""
    registry.put_image("library/base", "1", [LOW])
    await machine.pull("base:1")
    base = machine.images.get("base:1")
    layer = capture(machine, "mine", base.chain_ids)
    body = encode_configuration(configuration(*base.diff_ids, layer.diff_id))
    return (await machine.images.add(body, tags=["shop/web:2"], parent=base.id)).id


async def test_a_saved_archive_is_an_oci_layout_and_dockers(machine: Machine, registry: FakeRegistry) -> None:
    image_id = await family(machine, registry)
    data = await save(machine, "shop/web:2", "base")
    found = files(data)
    manifest = parsed(data, "manifest.json")
    assert [item["RepoTags"] for item in manifest] == [["shop/web:2"], ["base:1"]]
    assert manifest[0]["Config"] == f"blobs/sha256/{image_id[7:]}"
    assert manifest[0]["Parent"] == machine.images.get("base:1").id
    assert manifest[0]["Layers"][0] == manifest[1]["Layers"][0]
    assert found[manifest[1]["Layers"][0]] == LOW
    for name, content in found.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
    assert parsed(data, "repositories") == {
        "shop/web": {"2": manifest[0]["Layers"][1].rpartition("/")[2]},
        "base": {"1": manifest[1]["Layers"][0].rpartition("/")[2]},
    }
    entries = parsed(data, "index.json")["manifests"]
    assert [entry["annotations"]["io.containerd.image.name"] for entry in entries] == [
        "docker.io/shop/web:2",
        "docker.io/library/base:1",
    ]
    assert await save(machine, "shop/web:2", "base") == data


async def test_by_id_an_image_is_saved_without_names(machine: Machine, registry: FakeRegistry) -> None:
    image_id = await family(machine, registry)
    data = await save(machine, image_id[7:19])
    assert parsed(data, "manifest.json")[0]["RepoTags"] is None
    assert "annotations" not in parsed(data, "index.json")["manifests"][0]
    assert "repositories" not in files(data)


async def test_what_was_saved_can_be_loaded_elsewhere(machine: Machine, registry: FakeRegistry, tmp_path: Path) -> None:
    image_id = await family(machine, registry)
    data = await save(machine, "shop/web:2", "base:1")
    other = machine_with_mirror(tmp_path / "other", registry.url)
    try:
        async for _ in other.images.load(in_pieces(data)):
            continue
        image = other.images.get("shop/web:2")
        assert image.id == image_id
        assert image.parent == other.images.get("base:1").id
        # What can be made again of the layers' files is not kept.
        records = [other.images.inventory.layers.record(chain_id) for chain_id in image.chain_ids]
        assert [record.blob for record in records] == ["", ""]
        assert sorted(other.images.inventory.content.digests()) == sorted([image.parent, image.id])
        again = b"".join([chunk async for chunk in other.images.save(["shop/web:2", "base:1"])])
        assert again == data
    finally:
        other.store.close()


async def test_skopeo_reads_both_faces_of_the_archive(machine: Machine, registry: FakeRegistry, tmp_path: Path) -> None:
    image_id = await family(machine, registry)
    (tmp_path / "saved.tar").write_bytes(await save(machine, "shop/web:2"))
    for source in ("docker-archive:{}:shop/web:2", "oci-archive:{}:2"):
        source = source.format(tmp_path / "saved.tar")
        command = ["skopeo", "inspect", "--config", "--raw", source]
        done = await anyio.run_process(command)
        assert "sha256:" + hashlib.sha256(done.stdout).hexdigest() == image_id


async def test_an_unknown_image_is_refused_at_once_and_a_missing_part_breaks_off(
    machine: Machine, registry: FakeRegistry
) -> None:
    image_id = await family(machine, registry)
    with pytest.raises(NoSuchImage):
        machine.images.save(["base:1", "nope"])
    machine.images.inventory.content.remove([image_id])
    with pytest.raises(EngineError, match="is not there"):
        await save(machine, image_id)
