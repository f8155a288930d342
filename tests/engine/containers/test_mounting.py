"""What containers see of what they mount, in the real kernel: depth, order, propagation, owners, and no way out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread
import pytest

from engine.containers.making.sources import hold_part, release_part
from engine.containers.streams.options import LogOptions
from engine.errors import BadRequest, EngineError, NotFound
from engine.kernel.mounts import MS_PRIVATE, MS_SHARED, mount, mount_points, unmount
from engine.wire.containers import HostConfig
from engine.wire.mounts import BindOptions, ImageOptions, Mount, TmpfsOptions, VolumeOptions
from engine.wire.volumes import VolumeCreateRequest
from tests.engine.containers.conftest import IMAGE, Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A directory whose mounts are told to others, with a mount below it."""
    mount("tmpfs", tmp_path, "tmpfs", options="size=1m")
    mount("", tmp_path, flags=MS_SHARED)
    for name in ("below", "late", "mine"):
        (tmp_path / name).mkdir()
    mount("tmpfs", tmp_path / "below", "tmpfs", options="size=64k")
    yield tmp_path
    for point in reversed(list(mount_points(tmp_path))):
        unmount(point, lazily=True)


def bound(source: Path, *, read_only: bool = False, **options: object) -> HostConfig:
    made = BindOptions(**options)  # type: ignore[arg-type]
    wish = Mount(type="bind", source=str(source), target="/data", read_only=read_only, bind_options=made)
    return HostConfig(mounts=[wish])


async def test_read_only_holds_for_what_is_mounted_below_too_unless_it_shall_not(engine: Engine, shared: Path) -> None:
    write = ("sh", "-c", "touch /data/below/x 2>/dev/null && echo written || echo refused")
    assert await engine.run(*write, host=bound(shared, read_only=True)) == (0, "refused\n")
    shallow = bound(shared, read_only=True, read_only_non_recursive=True)
    assert await engine.run(*write, host=shallow) == (0, "written\n")
    alone = bound(shared, non_recursive=True)
    assert await engine.run("sh", "-c", "grep -c ' /data/below ' /proc/mounts", host=alone) == (1, "0\n")


async def test_mounts_of_the_host_propagate_as_asked(engine: Engine, shared: Path) -> None:
    wait_and_count = ("sh", "-c", "echo ready; while [ ! -e /data/go ]; do sleep 0.05; done; grep -c late /proc/mounts")
    containers = [
        await engine.start(*wait_and_count, host=bound(shared, propagation=wish)) for wish in ("rslave", "rprivate")
    ]
    mount("tmpfs", shared / "late", "tmpfs", options="size=64k")
    (shared / "go").touch()
    for container, count in zip(containers, ("1", "0"), strict=True):
        await engine.containers.wait(container)
        assert (await engine.output(container)).split() == ["ready", count]


async def test_mounts_of_a_container_propagate_to_the_host_if_both_want_it(engine: Engine, shared: Path) -> None:
    host = HostConfig(binds=[f"{shared}:/data:rshared"], privileged=True)
    container = await engine.start("sh", "-c", "mount -t tmpfs mine /data/mine && echo done && sleep 100", host=host)
    async for _ in engine.containers.logs(container, LogOptions(follow=True)):
        break
    assert shared / "mine" in await anyio.to_thread.run_sync(lambda: list(mount_points(shared)))


async def test_propagation_needs_a_mount_that_propagates(engine: Engine, tmp_path: Path) -> None:
    mount("tmpfs", tmp_path, "tmpfs", options="size=64k")
    mount("", tmp_path, flags=MS_PRIVATE)  # below a shared mount, as systemd makes them all, it is shared
    try:
        for wish, words in (("rshared", "a shared mount"), ("rslave", "a shared or slave mount")):
            container = await engine.create("true", host=bound(tmp_path, propagation=wish))
            with pytest.raises(EngineError, match=f"path {tmp_path} is mounted on {tmp_path} but it is not {words}"):
                await engine.containers.start(container)
    finally:
        unmount(tmp_path)


async def test_a_volume_on_etc_does_not_hide_the_generated_files(engine: Engine) -> None:
    status, seen = await engine.run("cat", "/etc/hostname", host=HostConfig(binds=["etc:/etc"]), hostname="here")
    assert (status, seen) == (0, "here\n")


async def test_a_subpath_does_not_lead_out_of_its_volume(engine: Engine) -> None:
    prepare = "mkdir -p /d/a; echo inner > /d/a/file; ln -s /etc /d/out; ln -s ../.. /d/up; ln -s a /d/in"
    await engine.run("sh", "-c", prepare, host=HostConfig(binds=["data:/d"]))

    def part(subpath: str) -> HostConfig:
        return HostConfig(mounts=[Mount(source="data", target="/t", volume_options=VolumeOptions(subpath=subpath))])

    for subpath in ("a", "in", "a/../a"):
        assert await engine.run("cat", "/t/file", host=part(subpath)) == (0, "inner\n")
    for subpath in ("out", "up"):
        with pytest.raises(BadRequest, match="path concatenation escapes the base directory"):
            await engine.start("true", host=part(subpath))
    with pytest.raises(NotFound, match=r"cannot access path .*/missing: lstat"):
        await engine.start("true", host=part("missing"))


async def test_a_part_of_a_volume_stays_what_it_was_when_it_is_replaced_by_a_link(tmp_path: Path) -> None:
    volume, place = tmp_path / "volume", tmp_path / "run" / "part"
    (volume / "part").mkdir(parents=True)
    (volume / "part" / "file").write_text("inner")
    (volume / "single").write_text("one")
    (tmp_path / "run").mkdir()
    for subpath, found in (("part", place / "file"), ("single", place)):
        hold_part(volume, subpath, place)
        try:
            (volume / subpath).rename(volume / f"old-{subpath}")
            (volume / subpath).symlink_to("/etc")
            assert found.read_text() in ("inner", "one")
        finally:
            release_part(place)
        assert not place.exists()
    assert (volume / "old-single").read_text() == "one"


async def test_a_part_of_an_image_can_be_mounted(engine: Engine) -> None:
    wish = Mount(type="image", source=IMAGE, target="/t", image_options=ImageOptions(subpath="etc"))
    script = "test -e /t/passwd && ! touch /t/x 2>/dev/null && echo fine"
    assert await engine.run("sh", "-c", script, host=HostConfig(mounts=[wish])) == (0, "fine\n")


async def test_a_volume_that_the_driver_mounts_keeps_its_owner_when_it_is_filled(engine: Engine) -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "uid=5,mode=700"}
    await engine.volumes.create(VolumeCreateRequest(name="scratch", driver_opts=options))
    script = "stat -c '%u %a' /etc; ls /etc/passwd"
    seen = await engine.run("sh", "-c", script, host=HostConfig(binds=["scratch:/etc"]))
    assert seen == (0, "5 700\n/etc/passwd\n")


async def test_programs_run_from_a_tmpfs_only_if_asked_for(engine: Engine) -> None:
    script = (
        "sh",
        "-c",
        "cp /bin/true /t/ 2>/dev/null || cp /bin/busybox /t/true; /t/true 2>/dev/null && echo ran || echo not",
    )
    assert await engine.run(*script, host=HostConfig(tmpfs={"/t": ""})) == (0, "not\n")
    assert await engine.run(*script, host=HostConfig(tmpfs={"/t": "exec"})) == (0, "ran\n")
    wish = Mount(type="tmpfs", target="/t", tmpfs_options=TmpfsOptions(options=[["exec"]]))
    assert await engine.run(*script, host=HostConfig(mounts=[wish])) == (0, "ran\n")
