"""What real containers see of the host's files, volumes and images, and keep of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import BadRequest, Conflict
from engine.wire.containers import (
    HostConfig,
)
from engine.wire.mounts import Mount, TmpfsOptions, VolumeOptions
from engine.wire.volumes import VolumeCreateRequest
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]


async def test_a_stopped_container_starts_again_with_its_files(engine: Engine) -> None:
    container = await engine.start("sh", "-c", "cat /seen || echo first; echo again > /seen")
    await engine.containers.wait(container)
    await engine.containers.start(container)
    await engine.containers.wait(container)
    assert (await engine.output(container)).splitlines()[-1] == "again"


async def test_a_named_volume_is_seeded_from_the_image_and_outlives_its_container(engine: Engine) -> None:
    first = HostConfig(binds=["data:/etc"])
    status, seen = await engine.run("sh", "-c", "ls /etc | head -1; echo mine > /etc/mine", host=first)
    assert status == 0
    assert seen.strip()
    _, again = await engine.run("cat", "/other/mine", host=HostConfig(binds=["data:/other:ro"]))
    assert again == "mine\n"
    empty = Mount(type="volume", source="bare", target="/root", volume_options=VolumeOptions(no_copy=True))
    assert await engine.run("ls", "/root", host=HostConfig(mounts=[empty])) == (0, "")
    with pytest.raises(Conflict, match="volume is in use"):
        await engine.volumes.remove("data", force=False, used_by=engine.containers.volume_users)


async def test_an_anonymous_volume_goes_with_its_container_if_asked_to(engine: Engine) -> None:
    container = await engine.create("true", volumes={"/data": {}})
    assert len(engine.volumes.all()) == 1
    await engine.containers.remove(container, volumes=True)
    assert engine.volumes.all() == []


async def test_binds_are_mounted_and_missing_sources_are_made_or_refused(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello\n")
    host = HostConfig(binds=[f"{tmp_path}/file:/etc/greeting:ro", f"{tmp_path}/new:/new"])
    status, output = await engine.run(
        "sh", "-c", "cat /etc/greeting; echo x > /new/x; echo y > /etc/greeting", host=host
    )
    assert status != 0
    assert output.startswith("hello\n")
    assert (tmp_path / "new" / "x").read_text() == "x\n"
    missing = Mount(type="bind", source=f"{tmp_path}/nope", target="/nope")
    with pytest.raises(BadRequest, match="bind source path does not exist"):
        await engine.create("true", host=HostConfig(mounts=[missing]))


async def test_tmpfs_mounts_have_their_size_and_options(engine: Engine) -> None:
    sized = Mount(type="tmpfs", target="/cache", tmpfs_options=TmpfsOptions(size_bytes=1 << 20, mode=0o700))
    host = HostConfig(tmpfs={"/run": "size=64k"}, mounts=[sized])
    _, output = await engine.run("grep", "-E", " (/run|/cache) ", "/proc/mounts", host=host)
    assert "/run tmpfs rw,nosuid,nodev,noexec" in output
    assert "size=64k" in output
    assert "size=1024k,mode=700" in output


async def test_an_anonymous_volume_goes_with_the_last_of_those_that_share_it(engine: Engine) -> None:
    await engine.start("sleep", "60", name="donor", volumes={"/data": {}})
    await engine.start("sleep", "60", name="heir", host=HostConfig(volumes_from=["donor"]))
    (volume,) = engine.volumes.all()
    await engine.containers.remove("donor", force=True, volumes=True)
    assert [kept.name for kept in engine.volumes.all()] == [volume.name]
    await engine.containers.remove("heir", force=True, volumes=True)
    assert engine.volumes.all() == []


async def test_volumes_from_shares_the_mounts_of_another(engine: Engine) -> None:
    await engine.run("sh", "-c", "echo shared > /data/x", host=HostConfig(binds=["data:/data"]))
    donor = await engine.create("true", name="donor", host=HostConfig(binds=["data:/data"]))
    assert await engine.run("cat", "/data/x", host=HostConfig(volumes_from=["donor:ro"])) == (0, "shared\n")
    await engine.containers.remove(donor)


async def test_an_option_mounts_a_volume_while_it_is_used(engine: Engine) -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=5"}
    await engine.volumes.create(VolumeCreateRequest(name="scratch", driver_opts=options))
    host = HostConfig(binds=["scratch:/scratch"])
    _, output = await engine.run("sh", "-c", "stat -c %u /scratch; grep -c '/scratch tmpfs' /proc/mounts", host=host)
    assert output == "5\n1\n"
    assert not (engine.paths.volumes / "scratch" / "_data").is_mount()


async def test_a_missing_working_directory_is_made(engine: Engine) -> None:
    assert await engine.run("pwd", working_dir="/some/where") == (0, "/some/where\n")


async def test_a_read_only_root_has_writable_volumes(engine: Engine) -> None:
    host = HostConfig(readonly_rootfs=True, tmpfs={"/run": ""})
    assert await engine.run("sh", "-c", "touch /x 2>/dev/null || touch /run/x && echo kept", host=host) == (0, "kept\n")


async def test_an_image_can_be_mounted(engine: Engine) -> None:
    host = HostConfig(mounts=[Mount(type="image", source="alpine:3.20", target="/image")])
    status, output = await engine.run(
        "sh", "-c", "test -e /image/bin/sh && ! touch /image/x 2>/dev/null && echo ro", host=host
    )
    assert (status, output) == (0, "ro\n")
