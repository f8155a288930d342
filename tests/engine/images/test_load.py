"""Loading archives of images: every kind that tools write, and those that nobody should."""

from __future__ import annotations

import bz2
import gzip
import json
import tarfile
from collections.abc import Callable

import anyio
import pytest
import zstandard

from engine.errors import BadRequest, EngineError, InvalidLayer, NotFound
from engine.images.archives import bundle as bundle_module
from engine.images.archives.bundle import InvalidArchive
from engine.storage import room
from engine.storage.streaming import BrokenOff
from tests.engine.images.bundles import (
    blob,
    config_of,
    descriptor,
    digest,
    in_pieces,
    index_of,
    oci_manifest,
    old_bundle,
)
from tests.engine.images.conftest import Machine
from tests.engine.storage.archives import archive, entry, hard_link, symlink
from tests.fakes.registry import FakeRegistry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]

LOW = tar_of({"etc/a": b"low", "etc/b": b"low"})
TOP = tar_of({"etc/a": b"top"})


async def load(machine: Machine, data: bytes, platform: str = "") -> list[str]:
    """Load an archive; what was said of images."""
    lines = machine.images.load(in_pieces(data), platform=platform)
    return [line.stream async for line in lines if isinstance(line.stream, str)]


async def test_an_archive_of_docker_gives_an_image_that_can_be_used(machine: Machine) -> None:
    assert await load(machine, old_bundle(LOW, TOP, tags=["app:1", "docker.io/library/other:2"])) == [
        "Loaded image: app:1\n",
        "Loaded image: other:2\n",
    ]
    image = machine.images.get("app:1")
    assert image.id == digest(config_of(LOW, TOP))
    assert machine.images.get("other:2").id == image.id
    assert image.diff_ids == [digest(LOW), digest(TOP)]
    await machine.snapshots.create("c", image.chain_ids)
    rootfs = await machine.snapshots.mount("c")
    assert (rootfs / "etc/a").read_text() == "top"
    assert (rootfs / "etc/b").read_text() == "low"
    await machine.snapshots.remove("c")
    assert [(event.action, event.actor.id) for event in await machine.heard()][-1] == ("load", image.id)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.ZstdCompressor().compress])
async def test_an_archive_may_be_compressed(machine: Machine, pack: Callable[[bytes], bytes]) -> None:
    assert await load(machine, pack(old_bundle(LOW))) == ["Loaded image: app:1\n"]


async def test_the_layers_in_it_may_be_compressed(machine: Machine) -> None:
    packed = gzip.compress(LOW)
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": ["layer"]}]
    data = archive(
        entry("manifest.json", content=json.dumps(manifest).encode()),
        entry("layer", content=packed),
        entry("c.json", content=config_of(LOW)),
    )
    image_id = digest(config_of(LOW))
    assert await load(machine, data) == [f"Loaded image ID: {image_id}\n"]
    assert machine.images.get(image_id).content == [image_id, digest(packed)]


async def test_an_oci_layout_may_hold_indexes_in_its_index_and_several_platforms(machine: Machine) -> None:
    packed, config = gzip.compress(TOP), config_of(TOP)
    other = config_of(architecture="s390x")
    manifest, foreign = oci_manifest(config, packed), oci_manifest(other)
    inner = index_of(
        descriptor(foreign, platform={"os": "linux", "architecture": "s390x"}),
        descriptor(manifest, platform={"os": "linux", "architecture": "amd64"}),
    )
    named = descriptor(
        inner, "application/vnd.oci.image.index.v1+json", annotations={"org.opencontainers.image.ref.name": "x/y:3"}
    )
    data = archive(
        blob(packed), blob(config), blob(manifest), blob(inner), entry("index.json", content=index_of(named))
    )
    assert await load(machine, data, "linux/amd64") == ["Loaded image: x/y:3\n"]
    assert machine.images.get("x/y:3").id == digest(config)


async def test_links_in_old_archives_stand_for_the_layer_that_they_name(machine: Machine) -> None:
    config = config_of(LOW, LOW, LOW)
    manifest = [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"]}]
    data = archive(
        entry("a/layer.tar", content=LOW),
        symlink("b/layer.tar", "../a/layer.tar"),
        hard_link("c/layer.tar", "b/layer.tar"),
        entry("c.json", content=config),
        entry("manifest.json", content=json.dumps(manifest).encode()),
    )
    await load(machine, data)
    assert len(machine.images.get("app:1").chain_ids) == 3


async def test_what_is_there_is_not_unpacked_again_and_names_move(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/app", "1", [LOW])
    await machine.pull("app:1")
    old = machine.images.get("app:1")
    before = (machine.paths.layers / old.chain_ids[0][7:]).stat().st_ino
    lines = await load(machine, old_bundle(LOW, TOP))
    assert lines[0] == f"The image app:1 already exists, renaming the old one with ID {old.id} to empty string\n"
    image = machine.images.get("app:1")
    assert image.chain_ids[0] == old.chain_ids[0]
    assert (machine.paths.layers / old.chain_ids[0][7:]).stat().st_ino == before
    assert machine.images.get(old.id).repo_tags == []
    assert machine.images.inventory.layers.record(old.chain_ids[0]).blob in image.content


async def test_progress_is_told_unless_it_is_not_wanted(machine: Machine) -> None:
    big = tar_of({"big": bytes(3_000_000)})
    lines = [line async for line in machine.images.load(in_pieces(old_bundle(big)))]
    assert lines[0].status == "Loading layer"
    assert lines[0].id == digest(big)[7:19]
    other = tar_of({"big": bytes(3_000_001)})
    quiet = [line async for line in machine.images.load(in_pieces(old_bundle(other)), quiet=True)]
    assert [line.stream for line in quiet][1:] == ["Loaded image: app:1\n"]


def without_manifest() -> bytes:
    return archive(entry("repositories", content=b"{}"))


def manifest_of(**item: object) -> bytes:
    body = json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["layer"], **item}]).encode()
    return archive(
        entry("layer", content=LOW), entry("c.json", content=config_of(LOW)), entry("manifest.json", content=body)
    )


def with_member(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return old_bundle(LOW, more=members)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "does not contain a manifest.json"),
        (without_manifest(), "does not contain a manifest.json"),
        (archive(entry("manifest.json", content=b"null")), "manifest.json cannot be read"),
        (archive(entry("manifest.json", content=b"[{}]")), "manifest.json cannot be read"),
        (manifest_of(Config="missing.json"), "'missing.json' is not in it"),
        (manifest_of(Layers=["nope"]), "'nope' is not in it"),
        (manifest_of(Layers=[]), "has 1 layers, its manifest has 0"),
        (manifest_of(Config="layer"), "cannot be read"),
        (manifest_of(RepoTags=["Not A Name"]), "invalid reference format"),
        (manifest_of(Layers=["../../etc/passwd"]), "lies outside of it"),
        (manifest_of(Layers=["/etc/passwd"]), "absolute name"),
        (with_member(entry("/etc/passwd", content=b"x")), "absolute name"),
        (with_member(entry("a/../../x", content=b"x")), "lies outside of it"),
        (with_member(symlink("x", "/etc/passwd")), "outside of it"),
        (with_member(symlink("x", "../../etc/passwd")), "lies outside of it"),
        (with_member(hard_link("x", "../y")), "lies outside of it"),
        (with_member(entry("blobs/sha256/" + "0" * 64, content=b"x")), "has the digest"),
        (old_bundle(config=config_of(os="windows")), "cannot load windows image on linux"),
        (archive(entry("index.json", content=b"[]")), "index.json cannot be read"),
        (archive(entry("index.json", content=index_of(descriptor(b"x")))), "is not in it"),
        (archive(entry("manifest.json", content=b" " * 5_000_000)), "too much"),
    ],
)
async def test_what_is_no_archive_of_images_is_refused_without_a_trace(
    machine: Machine, data: bytes, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        await load(machine, data)
    assert machine.images.all() == []
    assert machine.files() == []


async def test_links_in_a_circle_are_refused(machine: Machine) -> None:
    manifest = b'[{"Config": "x", "Layers": []}]'
    data = archive(symlink("x", "y"), symlink("y", "x"), entry("manifest.json", content=manifest))
    with pytest.raises(InvalidArchive, match="circle"):
        await load(machine, data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"nonsense" * 1000, "not a tar archive"),
        (old_bundle(LOW)[:2000], "ends in the middle"),
        (gzip.compress(old_bundle(LOW))[:-20], "ends too early"),
        (old_bundle(LOW, TOP, config=config_of(LOW, LOW)), "not to sha256"),
        (old_bundle(archive(entry("../../outside"))), "outside of the layer"),
    ],
)
async def test_a_broken_archive_leaves_nothing_not_even_its_good_layers(
    machine: Machine, data: bytes, words: str
) -> None:
    with pytest.raises(InvalidLayer, match=words):
        await load(machine, data)
    assert machine.images.all() == []
    assert machine.files() == []


async def test_of_several_images_none_is_loaded_when_one_is_broken(machine: Machine) -> None:
    wrong = config_of(TOP)
    items = [
        {"Config": "good.json", "RepoTags": ["good:1"], "Layers": ["low"]},
        {"Config": "bad.json", "RepoTags": ["bad:1"], "Layers": ["low"]},
    ]
    data = archive(
        entry("low", content=LOW),
        entry("good.json", content=config_of(LOW)),
        entry("bad.json", content=wrong),
        entry("manifest.json", content=json.dumps(items).encode()),
    )
    with pytest.raises(InvalidLayer):
        await load(machine, data)
    assert machine.images.all() == []
    assert machine.files() == []


async def test_a_client_that_goes_away_leaves_nothing(machine: Machine) -> None:
    async def half() -> None:
        data = old_bundle(LOW)

        async def broken() -> object:
            raise BrokenOff("gone")

        async for _ in machine.images.load(in_pieces(data[: len(data) // 2])):
            await broken()

    with pytest.raises(EngineError):
        await half()
    assert machine.files() == []


async def test_a_load_that_is_cancelled_leaves_nothing(machine: Machine) -> None:
    big = tar_of({f"file{number}": bytes(100_000) for number in range(300)})
    with anyio.CancelScope() as scope:
        async for line in machine.images.load(in_pieces(old_bundle(big))):
            assert line.status == "Loading layer"
            scope.cancel()
    assert machine.images.all() == []
    assert machine.files() == []


async def test_an_archive_that_would_fill_the_disk_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_SPARE_PART", 1)  # as if all but nothing were taken
    monkeypatch.setattr(room, "_MOST_SPARE_BYTES", 1 << 60)
    bomb = gzip.compress(old_bundle(tar_of({"zeros": bytes(50_000_000)})))
    with pytest.raises(EngineError, match="no space left"):
        await load(machine, bomb)
    assert machine.files() == []


async def test_an_archive_of_endless_entries_is_refused(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "_MOST_ENTRIES", 10)
    with pytest.raises(InvalidArchive, match="more than 10 entries"):
        await load(machine, archive(*(entry(f"f{number}") for number in range(20))))
    assert machine.files() == []


async def test_images_of_other_platforms_are_left_out_when_one_is_asked_for(machine: Machine) -> None:
    assert await load(machine, old_bundle(LOW), "linux/s390x") == []
    config = config_of(TOP)
    manifest = oci_manifest(config, TOP)
    index = index_of(descriptor(manifest, platform={"os": "linux", "architecture": "amd64"}))
    outer = index_of(descriptor(index, "application/vnd.oci.image.index.v1+json"))
    data = archive(blob(TOP), blob(config), blob(manifest), blob(index), entry("index.json", content=outer))
    with pytest.raises(NotFound, match="no matching manifest"):
        await load(machine, data, "linux/s390x")
