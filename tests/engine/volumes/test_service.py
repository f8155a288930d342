"""Volumes from creation to removal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from engine.errors import BadRequest, Conflict, EngineError, NoSuchVolume, NotFound
from engine.events.bus import EventBus
from engine.state.paths import Paths
from engine.state.store import Store
from engine.volumes.service import ANONYMOUS_LABEL, VolumeService
from engine.wire.volumes import VolumeCreateRequest

pytestmark = pytest.mark.anyio


def nobody(_: str) -> Sequence[str]:
    return ()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(root=tmp_path / "root", run=tmp_path / "run")
    paths.make()
    return paths


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    store = Store.open(paths.database)
    yield store
    store.close()


@pytest.fixture
def volumes(paths: Paths, store: Store) -> VolumeService:
    return VolumeService(paths, store, EventBus())


async def test_a_volume_is_a_directory_and_is_remembered(paths: Paths, store: Store, volumes: VolumeService) -> None:
    volume = await volumes.create(VolumeCreateRequest(name="data", labels={"a": "b"}))
    assert await anyio.Path(volume.mountpoint).is_dir()
    assert volume.labels == {"a": "b"}
    again = VolumeService(paths, store, EventBus())
    assert again.get("data") == volume


async def test_a_volume_that_was_being_made_when_an_engine_died_leaves_nothing(
    paths: Paths, volumes: VolumeService
) -> None:
    await volumes.create(VolumeCreateRequest(name="data"))
    for name in ("unfinished", "precious"):
        (paths.volumes / name / "_data").mkdir(parents=True)
    (paths.volumes / "precious" / "_data" / "file").touch()
    (paths.volumes / "just-begun").mkdir()
    await volumes.recover()
    assert sorted(path.name for path in paths.volumes.iterdir()) == ["data", "precious"]


async def test_its_size_is_that_of_its_files(volumes: VolumeService) -> None:
    volume = await volumes.create(VolumeCreateRequest(name="data"))
    await anyio.Path(volume.mountpoint, "file").write_bytes(b"12345")
    assert await volumes.size("data") == 5


async def test_creating_it_again_returns_the_one_there_is(volumes: VolumeService) -> None:
    first = await volumes.create(VolumeCreateRequest(name="data", labels={"a": "b"}))
    assert await volumes.create(VolumeCreateRequest(name="data")) == first
    assert len(volumes.all()) == 1


async def test_without_a_name_it_is_anonymous(volumes: VolumeService) -> None:
    volume = await volumes.create(VolumeCreateRequest())
    assert len(volume.name) == 64
    assert volume.labels == {ANONYMOUS_LABEL: ""}


async def test_a_name_of_one_letter_is_too_short(volumes: VolumeService) -> None:
    with pytest.raises(BadRequest, match="create x: volume name is too short"):
        await volumes.create(VolumeCreateRequest(name="x"))


async def test_a_name_that_no_directory_can_have_is_too_long(volumes: VolumeService) -> None:
    await volumes.create(VolumeCreateRequest(name="x" * 255))
    with pytest.raises(BadRequest, match="volume name is too long"):
        await volumes.create(VolumeCreateRequest(name="x" * 256))


@pytest.mark.parametrize("name", ["a b", "../up", "-x", "/abs"])
async def test_impossible_names_are_refused(volumes: VolumeService, name: str) -> None:
    with pytest.raises(BadRequest, match="invalid characters for a local volume name"):
        await volumes.create(VolumeCreateRequest(name=name))


async def test_other_drivers_are_not_there(volumes: VolumeService) -> None:
    with pytest.raises(NotFound, match='plugin "nfs" not found'):
        await volumes.create(VolumeCreateRequest(name="data", driver="nfs"))


async def test_a_volume_in_use_is_not_removed(volumes: VolumeService) -> None:
    volume = await volumes.create(VolumeCreateRequest(name="data"))
    with pytest.raises(Conflict, match=r"remove data: volume is in use - \[abc\]"):
        await volumes.remove("data", force=True, used_by=lambda _: ["abc"])
    await volumes.remove("data", force=False, used_by=nobody)
    assert not await anyio.Path(volume.mountpoint).exists()
    with pytest.raises(NoSuchVolume, match="get data: no such volume"):
        volumes.get("data")
    with pytest.raises(NoSuchVolume):
        await volumes.remove("data", force=False, used_by=nobody)
    await volumes.remove("data", force=True, used_by=nobody)


async def test_whoever_waits_for_a_volume_to_be_gone_makes_the_next_one_alone(paths: Paths, store: Store) -> None:
    bus = EventBus()
    volumes = VolumeService(paths, store, bus)
    await volumes.create(VolumeCreateRequest(name="data"))

    async def replace() -> None:
        await volumes.remove("data", force=False, used_by=nobody)
        await volumes.create(VolumeCreateRequest(name="data"))

    with bus.listen() as events:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(replace)
            tasks.start_soon(volumes.create, VolumeCreateRequest(name="data"))
        bus.publish("volume", "over", "", {})
        told = [(await events.receive()).action]
        while told[-1] != "over":
            told.append((await events.receive()).action)
    assert told == ["destroy", "create", "over"]


async def test_only_an_empty_volume_is_seeded_and_only_once(volumes: VolumeService) -> None:
    await volumes.create(VolumeCreateRequest(name="data"))
    calls: list[Path] = []

    async def fill(target: Path) -> None:
        calls.append(target)
        (target / "seed").touch()
        await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(volumes.seed, "data", fill)
        tasks.start_soon(volumes.seed, "data", fill)
    assert calls == [await volumes.mount("data")]


async def test_a_seeding_that_was_cut_off_is_done_again(volumes: VolumeService) -> None:
    await volumes.create(VolumeCreateRequest(name="data"))

    async def break_off(target: Path) -> None:
        (target / "half").touch()
        raise EngineError("killed")

    async def fill(target: Path) -> None:
        (target / "whole").touch()

    with pytest.raises(EngineError):
        await volumes.seed("data", break_off)
    await volumes.seed("data", fill)
    assert [path.name for path in (await volumes.mount("data")).iterdir()] == ["whole"]


@pytest.mark.root
async def test_options_are_mounted_while_used(volumes: VolumeService, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").touch()
    options = {"type": "none", "device": str(tmp_path / "source"), "o": "bind,ro"}
    await volumes.create(VolumeCreateRequest(name="data", driver_opts=options))
    path = await volumes.mount("data")
    assert await volumes.mount("data") == path
    assert (path / "file").exists()
    with pytest.raises(OSError, match="Read-only"):
        (path / "other").touch()
    await volumes.unmount("data")
    await volumes.unmount("data")
    assert not path.is_mount()


@pytest.mark.root
async def test_removing_a_bound_volume_leaves_its_source_alone(volumes: VolumeService, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").touch()
    await volumes.create(
        VolumeCreateRequest(name="data", driver_opts={"type": "none", "device": str(tmp_path / "source"), "o": "bind"})
    )
    await volumes.mount("data")
    await volumes.remove("data", force=False, used_by=nobody)
    assert (tmp_path / "source" / "file").exists()


@pytest.mark.root
async def test_a_mount_that_fails_names_the_volume(volumes: VolumeService) -> None:
    await volumes.create(VolumeCreateRequest(name="data", driver_opts={"type": "nofs", "device": "x"}))
    with pytest.raises(EngineError, match=r"volumes/data/_data.: failed to mount local volume: mount x:"):
        await volumes.mount("data")


async def test_a_volume_whose_directory_somebody_removed_is_named_and_can_be_removed(
    volumes: VolumeService, paths: Paths
) -> None:
    await volumes.create(VolumeCreateRequest(name="data"))
    shutil.rmtree(paths.volumes / "data")
    with pytest.raises(EngineError, match=r"lstat .*/data/_data: no such file or directory"):
        await volumes.mount("data")
    await volumes.remove("data", force=False, used_by=nobody)
    await volumes.create(VolumeCreateRequest(name="data"))
    assert (await volumes.mount("data")).is_dir()
