"""Snapshots on the real overlayfs."""

# ruff: noqa: PTH208 - names, not paths, are compared

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import InvalidLayer, NotFound
from engine.kernel.mounts import mount_points, unmount
from engine.state.paths import Paths
from engine.storage.changes import Change, Kind
from engine.storage.layers import Layers, chain_ids
from engine.storage.snapshots import Snapshots
from tests.engine.storage.archives import archive, entry

pytestmark = [pytest.mark.root, pytest.mark.anyio]


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    paths = Paths(root=tmp_path / "root, with: odd=name", run=tmp_path / "run")
    paths.make()
    yield paths
    for point in reversed(list(mount_points(tmp_path))):
        unmount(point, lazily=True)


def add_layers(layers: Layers, *archives: bytes) -> list[str]:
    diffs = ["sha256:" + hashlib.sha256(data).hexdigest() for data in archives]
    chain = chain_ids(diffs)
    for chain_id, diff_id, data in zip(chain, diffs, archives, strict=True):
        layers.add(chain_id, diff_id, io.BytesIO(data).read)
    return chain


def test_a_chain_id_stands_for_a_layer_and_all_below() -> None:
    first, second = chain_ids(["sha256:a", "sha256:b"])
    assert first == "sha256:a"
    assert second == "sha256:" + hashlib.sha256(b"sha256:a sha256:b").hexdigest()


async def test_layers_are_seen_through_each_other_and_changes_go_to_the_container(paths: Paths) -> None:
    chain = add_layers(
        Layers(paths.layers),
        archive(entry("etc/a", content=b"1"), entry("etc/b", content=b"1"), entry("old/x", content=b"1")),
        archive(entry("etc/a", content=b"2"), entry("etc/.wh.b"), entry("old/.wh..wh..opq"), entry("old/y")),
    )
    snapshots = Snapshots(paths)
    await snapshots.create("one", chain)
    await snapshots.create("two", chain)
    first, second = await snapshots.mount("one"), await snapshots.mount("two")
    assert (first / "etc/a").read_bytes() == b"2"
    assert sorted(os.listdir(first / "etc")) == ["a", "hostname", "hosts", "mtab", "resolv.conf"]
    assert os.listdir(first / "old") == ["y"]
    (first / "etc/a").write_bytes(b"changed")
    assert (second / "etc/a").read_bytes() == b"2"
    assert await snapshots.size("one") == 7
    assert await snapshots.size("two") == 0
    for name in ("one", "two"):
        await snapshots.remove(name)
        assert os.listdir(paths.containers / name) == []
    assert list(mount_points(paths.root)) == []


async def test_every_call_may_be_repeated(paths: Paths) -> None:
    chain = add_layers(Layers(paths.layers), archive(entry("a", content=b"1")))
    snapshots = Snapshots(paths)
    for _ in range(2):
        await snapshots.create("one", chain)
    await Snapshots(paths).mount("one")
    rootfs = await Snapshots(paths).mount("one")
    (rootfs / "a").write_bytes(b"kept")
    for _ in range(2):
        await snapshots.unmount("one")
    assert (await snapshots.mount("one") / "a").read_bytes() == b"kept"
    for _ in range(2):
        await snapshots.remove("one")
    with pytest.raises(NotFound):
        await snapshots.mount("one")


async def test_unmounting_takes_what_is_mounted_inside_along_and_does_not_wait_for_users(paths: Paths) -> None:
    snapshots = Snapshots(paths)
    await snapshots.create("one", [])
    rootfs = await snapshots.mount("one")
    (rootfs / "inner").mkdir()
    await snapshots.mount_read_only(rootfs / "inner", add_layers(Layers(paths.layers), archive(entry("a"))))
    (rootfs / "open").write_bytes(b"")
    with (rootfs / "open").open("rb"):
        await snapshots.remove("one")
    assert list(mount_points(paths.root)) == []


async def test_an_image_of_very_many_layers_can_be_mounted(paths: Paths) -> None:
    archives = [archive(entry(f"f{number}", content=b"%d" % number)) for number in range(200)]
    chain = add_layers(Layers(paths.layers), *archives)
    snapshots = Snapshots(paths)
    container_id = "a" * 64
    await snapshots.create(container_id, chain)
    assert {f"f{number}" for number in range(200)} < set(os.listdir(await snapshots.mount(container_id)))
    await snapshots.remove(container_id)


async def test_an_image_without_layers_and_a_read_only_image_can_be_mounted(paths: Paths) -> None:
    chain = add_layers(Layers(paths.layers), archive(entry("a", content=b"1")))
    snapshots = Snapshots(paths)
    await snapshots.create("scratch", [])
    assert sorted(os.listdir(await snapshots.mount("scratch"))) == [".dockerenv", "dev", "etc", "proc", "sys"]
    target = paths.run / "image"
    for _ in range(2):
        await snapshots.mount_read_only(target, chain)
    assert os.listdir(target) == ["a"]
    with pytest.raises(OSError, match="Read-only"):
        (target / "b").touch()
    for _ in range(2):
        await snapshots.unmount_at(target)
    assert not target.exists()
    await snapshots.remove("scratch")


async def test_containers_stand_on_a_ground_that_is_no_change_of_theirs_and_below_their_image(paths: Paths) -> None:
    chain = add_layers(Layers(paths.layers), archive(entry("etc/hosts", content=b"own"), entry("etc/mtab")))
    snapshots = Snapshots(paths)
    await snapshots.create("one", chain)
    await snapshots.create("two", [])
    first, second = await snapshots.mount("one"), await snapshots.mount("two")
    assert (first / ".dockerenv").read_bytes() == b""
    assert (first / "etc/hosts").read_bytes() == b"own"
    assert not (first / "etc/mtab").is_symlink()
    assert str((second / "etc/mtab").readlink()) == "/proc/mounts"
    assert await snapshots.changes("one") == []
    assert await snapshots.changes("two") == []
    (first / ".dockerenv").unlink()
    (second / ".dockerenv").write_bytes(b"mine")
    assert await snapshots.changes("one") == [Change(b".dockerenv", Kind.DELETED)]
    assert (await snapshots.mount("two") / ".dockerenv").read_bytes() == b"mine"
    for name in ("one", "two"):
        await snapshots.remove(name)
    await snapshots.create("three", [])
    assert (await snapshots.mount("three") / ".dockerenv").read_bytes() == b""
    await snapshots.remove("three")


async def test_a_snapshot_that_lost_its_layers_in_a_power_cut_is_refused(paths: Paths) -> None:
    snapshots = Snapshots(paths)
    await snapshots.create("one", add_layers(Layers(paths.layers), archive(entry("a"))))
    for rest in ("", "sha256:0\n"):
        (paths.containers / "one/lower").write_text(rest)
        with pytest.raises(NotFound, match="has no file system"):
            await snapshots.mount("one")


async def test_a_snapshot_of_a_missing_layer_is_refused(paths: Paths) -> None:
    with pytest.raises(NotFound, match="layer sha256:0 is not there"):
        await Snapshots(paths).create("one", ["sha256:0"])


async def test_layers_in_use_are_those_of_the_containers(paths: Paths) -> None:
    chain = add_layers(Layers(paths.layers), archive(entry("a")), archive(entry("b")))
    snapshots = Snapshots(paths)
    await snapshots.create("one", chain[:1])
    assert snapshots.layers_in_use() == {chain[0]}
    await snapshots.remove("one")
    assert snapshots.layers_in_use() == frozenset()


async def test_the_data_of_a_container_whose_record_is_lost_is_kept_but_not_mounted(paths: Paths) -> None:
    snapshots = Snapshots(paths)
    for name in ("known", "lost"):
        await snapshots.create(name, add_layers(Layers(paths.layers), archive(entry("a"))))
        (await snapshots.mount(name) / "mine").write_bytes(b"data")
    await snapshots.recover(["known"])
    assert list(mount_points(paths.root)) == [paths.containers / "known" / "rootfs"]
    assert (snapshots.upper("lost") / "mine").read_bytes() == b"data"


def test_a_layer_of_another_diff_id_leaves_nothing(paths: Paths) -> None:
    layers = Layers(paths.layers)
    before = sorted(paths.layers.rglob("*"))
    with pytest.raises(InvalidLayer, match="as its image says"):
        layers.add("sha256:" + "0" * 64, "sha256:" + "1" * 64, io.BytesIO(archive(entry("a"))).read)
    assert sorted(paths.layers.rglob("*")) == before


def test_what_a_crash_left_is_swept_away(paths: Paths) -> None:
    layers = Layers(paths.layers)
    (chain_id,) = add_layers(layers, archive(entry("a")))
    (paths.layers / ".tmp-half" / "diff").mkdir(parents=True)
    (paths.layers / layers.short_path(chain_id)).unlink()
    (paths.layers / "l" / "dangling").symlink_to("../gone/diff")
    layers.sweep()
    assert sorted(path.name for path in paths.layers.iterdir()) == sorted([chain_id[7:], "empty", "l"])
    assert os.listdir(paths.layers / "l") == [chain_id[7:23]]
    assert layers.remove([chain_id]) == 0
    assert not layers.has(chain_id)
    assert os.listdir(paths.layers / "l") == []
