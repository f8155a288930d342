"""Copying in and out of containers."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from engine.errors import BadRequest, EngineError, NotFound
from engine.wire.containers import HostConfig
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]


def tarball(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload] # a mode from the test
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def file(name: str, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


async def unpacked(engine: Engine, container: str, path: str) -> dict[str, tarfile.TarInfo]:
    data = b"".join([chunk async for chunk in engine.containers.archive_get(container, path)])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


async def test_a_file_put_into_a_created_container_is_there_when_it_starts(engine: Engine) -> None:
    container = await engine.create("sh", "-c", "cat /etc/app.conf; stat -c '%a %u' /etc/app.conf")
    data = tarball((file("app.conf", mode=0o440, uid=1000), b"colour = green\n"))
    await engine.containers.archive_put(container, "/etc", chunks(data))
    await engine.containers.start(container)
    await engine.containers.wait(container)
    assert await engine.output(container) == "colour = green\n440 1000\n"


async def test_no_bytes_at_all_are_an_archive_of_nothing(engine: Engine) -> None:
    container = await engine.create("true")
    await engine.containers.archive_put(container, "/etc", chunks(b""))
    with pytest.raises(EngineError, match="the archive cannot be read"):
        await engine.containers.archive_put(container, "/etc", chunks(b"garbage"))


async def test_a_volume_of_a_created_container_receives_what_is_put_below_it(engine: Engine) -> None:
    container = await engine.create("cat", "/data/x", host=HostConfig(binds=["data:/data"]))
    await engine.containers.archive_put(container, "/data", chunks(tarball((file("x"), b"in the volume\n"))))
    assert (engine.paths.volumes / "data" / "_data" / "x").read_text() == "in the volume\n"
    await engine.containers.start(container)
    await engine.containers.wait(container)
    assert await engine.output(container) == "in the volume\n"


async def test_volumes_are_told_to_be_mounted_while_files_are_copied(engine: Engine) -> None:
    container = await engine.create("true", host=HostConfig(binds=["data:/data"]))
    await engine.until("create", container)
    engine.seen.clear()
    await engine.containers.archive_put(container, "/etc", chunks(tarball((file("x"), b"x"))))
    await unpacked(engine, container, "/etc/x")
    await engine.containers.archive_stat(container, "/etc/x")
    await engine.containers.remove(container)
    await engine.until("destroy", container)
    told = [event.action for event in engine.seen if event.type in ("volume", "container")]
    assert told == [
        *("mount", "extract-to-dir", "unmount"),
        *("mount", "archive-path", "unmount"),
        *("mount", "unmount"),
        "destroy",
    ]


async def test_files_of_a_running_container_are_read_and_written_with_its_mounts(engine: Engine) -> None:
    container = await engine.start("sleep", "100", host=HostConfig(tmpfs={"/cache": ""}))
    await engine.containers.archive_put(container, "/cache", chunks(tarball((file("x"), b"hello"), mode="w:gz")))
    assert list(await unpacked(engine, container, "/cache")) == ["cache", "cache/x"]
    stat = await engine.containers.archive_stat(container, "/cache/x")
    assert (stat["name"], stat["size"], stat["mode"]) == ("x", 5, 0o644)


async def test_names_and_addresses_that_a_container_had_are_read_after_its_end(engine: Engine) -> None:
    container = await engine.create("hostname")
    before = await engine.containers.archive_stat(container, "/etc/hostname")
    await engine.containers.start(container)
    await engine.containers.wait(container)
    after = await engine.containers.archive_stat(container, "/etc/hostname")
    assert (before["size"], after["size"]) == (0, len(await engine.output(container)))
    assert set(await unpacked(engine, container, "/etc/hosts")) == {"hosts"}
    await engine.containers.archive_put(container, "/etc", chunks(tarball((file("hosts"), b"mine"))))


async def test_files_of_a_container_that_is_ending_are_those_it_leaves(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    await engine.containers.archive_put(container, "/", chunks(tarball((file("colour"), b"green"))))
    os.kill(engine.containers.inspect(container).state.pid, signal.SIGKILL)
    assert set(await unpacked(engine, container, "/colour")) == {"colour"}


async def test_a_big_tree_survives_the_way_out_and_in(engine: Engine) -> None:
    container = await engine.create("true")
    content = os.urandom(3 << 20)
    link = file("dir/link", type=tarfile.SYMTYPE, linkname="big")
    hard = file("dir/hard", type=tarfile.LNKTYPE, linkname="dir/big")
    folder = file("dir", type=tarfile.DIRTYPE, mode=0o750, mtime=1000)
    data = tarball((folder, b""), (file("dir/big", mode=0o600), content), (link, b""), (hard, b""))
    await engine.containers.archive_put(container, "/root", chunks(data))
    found = await unpacked(engine, container, "/root/dir")
    assert set(found) == {"dir", "dir/big", "dir/link", "dir/hard"}
    assert (found["dir"].mode, found["dir"].mtime) == (0o750, 1000)
    assert {found["dir/big"].type, found["dir/hard"].type} == {tarfile.REGTYPE, tarfile.LNKTYPE}
    assert found["dir/link"].linkname == "big"


async def test_symlinks_and_dots_in_an_archive_stay_inside_the_container(engine: Engine) -> None:
    container = await engine.create("true")
    escape = file("out", type=tarfile.SYMTYPE, linkname="/tmp")
    data = tarball((escape, b""), (file("out/pc-evil-1"), b"x"), (file("/pc-evil-2"), b"y"))
    await engine.containers.archive_put(container, "/root", chunks(data))
    assert "tmp/pc-evil-1" in await unpacked(engine, container, "/tmp")
    assert "root/pc-evil-2" in await unpacked(engine, container, "/root")
    for member in (file("../pc-evil-3"), file("link", type=tarfile.LNKTYPE, linkname="../etc/passwd")):
        with pytest.raises(EngineError, match="invalid entry name"):
            await engine.containers.archive_put(container, "/root", chunks(tarball((member, b""))))
    assert not any(name.startswith("pc-evil-") for name in os.listdir("/tmp"))  # noqa: PTH208


async def test_directories_that_an_archive_only_implies_are_not_for_everybody_to_write_into(engine: Engine) -> None:
    container = await engine.create("true")
    link = file("made/link", type=tarfile.SYMTYPE, linkname="file", mtime=1_700_000_000)
    data = tarball((file("made/deep/file", mode=0o666), b""), (link, b""))
    await engine.containers.archive_put(container, "/", chunks(data))
    found = await unpacked(engine, container, "/made")
    assert [found[name].mode for name in ("made", "made/deep", "made/deep/file")] == [0o755, 0o755, 0o666]
    assert found["made/link"].mtime == 1_700_000_000


async def test_what_is_missing_or_no_directory_or_no_archive_is_told(engine: Engine) -> None:
    container = await engine.create("true", name="web")
    with pytest.raises(NotFound, match="Could not find the file /nope in container web"):
        await engine.containers.archive_stat(container, "/nope")
    with pytest.raises(NotFound):
        await unpacked(engine, container, "/nope")
    with pytest.raises(NotFound):
        await engine.containers.archive_put(container, "/nope", chunks(tarball((file("x"), b""))))
    with pytest.raises(BadRequest, match="not a directory"):
        await engine.containers.archive_put(container, "/etc/passwd", chunks(tarball((file("x"), b""))))
    with pytest.raises(EngineError, match="archive"):
        await engine.containers.archive_put(container, "/", chunks(b"nonsense" * 1000))


async def test_a_path_that_ends_in_a_dot_means_the_contents_and_in_a_slash_the_directory(engine: Engine) -> None:
    container = await engine.create("true")
    link = file("l", type=tarfile.SYMTYPE, linkname="/d")
    await engine.containers.archive_put(container, "/", chunks(tarball((file("d/f"), b"x"), (link, b""))))
    for path, names in (
        ("/d", {"d", "d/f"}),
        ("/d/", {"d", "d/f"}),
        ("/d/.", {".", "./f"}),
        ("/l", {"l"}),
        ("/l/", {"l", "l/f"}),
        ("/l/.", {".", "./f"}),
    ):
        assert set(await unpacked(engine, container, path)) == names
    for path in ("/d/f/", "/d/f/."):
        with pytest.raises(EngineError, match=f"lstat {path}: not a directory"):
            await engine.containers.archive_stat(container, path)


async def test_no_link_of_proc_leads_out_of_the_container(engine: Engine) -> None:
    container = await engine.create("sleep", "100", host=HostConfig(pid_mode="host"))
    await engine.containers.start(container)
    for path in ("/proc/1/root/etc", "/proc/self/cwd"):
        with pytest.raises(NotFound):
            await engine.containers.archive_stat(container, path)
        with pytest.raises(NotFound):
            await engine.containers.archive_put(container, path, chunks(tarball((file("x"), b""))))


async def test_a_container_that_swaps_a_directory_for_a_symlink_changes_nothing_outside(engine: Engine) -> None:
    swap = "mkdir /a; while :; do mv /a /b; ln -s /../../../tmp /a; rm /a; mv /b /a; done"
    container = await engine.start("sh", "-c", swap)
    for number in range(30):
        data = tarball(*((file(f"a/pc-evil-{number}-{part}"), b"x") for part in range(20)))
        with contextlib.suppress(EngineError):  # what it swaps just then may be missing
            await engine.containers.archive_put(container, "/", chunks(data))
    assert not any(name.startswith("pc-evil-") for name in os.listdir("/tmp"))  # noqa: PTH208


async def test_read_only_places_are_refused(engine: Engine, tmp_path: Path) -> None:
    host = HostConfig(readonly_rootfs=True, binds=[f"{tmp_path}:/bound:ro"], tmpfs={"/scratch": ""})
    container = await engine.create("sleep", "100", host=host, volumes={"/data": {}})

    async def put(path: str) -> None:
        await engine.containers.archive_put(container, path, chunks(tarball((file("x"), b""))))

    await put("/data")
    for path, words in (
        ("/etc", "container rootfs is marked read-only"),
        ("/bound", "mounted volume is marked read-only"),
        ("/scratch", "container rootfs is marked read-only"),
    ):
        with pytest.raises(BadRequest, match=words):
            await put(path)
    await engine.containers.start(container)
    await put("/scratch")
    assert "scratch/x" in await unpacked(engine, container, "/scratch")


async def test_files_may_be_given_to_the_containers_user(engine: Engine) -> None:
    container = await engine.create("true", user="12:34")
    data = tarball((file("x", uid=5, gid=6), b""))
    await engine.containers.archive_put(container, "/root", chunks(data))
    found = (await unpacked(engine, container, "/root/x"))["x"]
    assert (found.uid, found.gid) == (5, 6)
    await engine.containers.archive_put(container, "/root", chunks(data), copy_uid_gid=True)
    found = (await unpacked(engine, container, "/root/x"))["x"]
    assert (found.uid, found.gid) == (12, 34)


async def test_who_stops_reading_ends_the_copy_and_nothing_else(engine: Engine) -> None:
    container = await engine.create("true")
    parts = engine.containers.archive_get(container, "/")
    assert isinstance(parts, AsyncGenerator)
    assert await anext(parts)
    await parts.aclose()
    assert await unpacked(engine, container, "/etc/passwd")


async def test_what_breaks_off_is_not_taken_for_the_whole(engine: Engine) -> None:
    container = await engine.create("true")
    data = tarball((file("half"), b"x" * 100_000))

    async def broken() -> AsyncIterator[bytes]:
        yield data[:50_000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await engine.containers.archive_put(container, "/root", broken())
