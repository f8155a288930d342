"""The archive that a build's context becomes."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from compose.apply.archive import ArchiveWriter
from compose.apply.building.context import ContextFiles, archived
from compose.errors import ComposeError

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(tmp_path: Path) -> Path:
    directory = tmp_path / "app"
    directory.mkdir()
    (directory / "Dockerfile").write_text("FROM my.registry/base\n")
    (directory / "kept").write_text("kept")
    return directory


async def archive_of(context: ContextFiles) -> tarfile.TarFile:
    async with archived(context) as chunks:
        tar = b"".join([chunk async for chunk in chunks])
    return tarfile.open(fileobj=io.BytesIO(tar))


async def packed(directory: Path, dockerfile: str = "Dockerfile", files: Mapping[str, bytes] | None = None) -> set[str]:
    with await archive_of(ContextFiles(str(directory), dockerfile, files or {})) as archive:
        return set(archive.getnames())


async def test_ignored_files_stay_away_but_for_the_dockerfile(app: Path) -> None:
    (app / ".dockerignore").write_text("*\n!src/*.c\n")
    (app / "src").mkdir()
    for name in ("a.c", "a.o"):
        (app / "src" / name).touch()
    assert await packed(app) == {"Dockerfile", ".dockerignore", "src/a.c"}
    (app / "Dockerfile.dockerignore").write_text("src\n.dockerignore")
    assert await packed(app) == {"Dockerfile", "Dockerfile.dockerignore", ".dockerignore", "kept"}


async def test_owners_do_not_count_and_special_files_stay_away(app: Path) -> None:
    os.mkfifo(app / "pipe")
    (app / "link").symlink_to("kept")
    with await archive_of(ContextFiles(str(app), "Dockerfile")) as archive:
        assert {(item.name, item.uid, item.uname) for item in archive} == {
            ("Dockerfile", 0, ""),
            ("kept", 0, ""),
            ("link", 0, ""),
        }


async def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="unable to prepare context: path"):
        await packed(tmp_path / "none")


async def test_what_a_file_is_comes_along(app: Path) -> None:
    os.link(app / "kept", app / "same")
    (app / "link").symlink_to("../elsewhere")
    (app / "kept").chmod(0o4755)
    os.utime(app / "kept", ns=(0, 1_500_000_000))
    strange = os.fsdecode(b"not-\xff-text")
    (app / strange).write_bytes(b"x" * 1000)
    (app / "sub").mkdir(mode=0o700)
    (app / "sub" / ("long" * 60)).touch()
    with await archive_of(ContextFiles(str(app), "Dockerfile", {"more": b"content"})) as archive:
        found = {item.name: item for item in archive}
        contents = {item.name: file.read() for item in archive if item.isreg() and (file := archive.extractfile(item))}
    assert (found["kept"].mode, found["kept"].mtime) == (0o4755, 1.5)
    assert found["same"].islnk()
    assert found["same"].linkname == "kept"
    assert found["link"].linkname == "../elsewhere"
    assert found["sub"].isdir()
    assert found[f"sub/{'long' * 60}"].isreg()
    assert contents[strange] == b"x" * 1000
    assert (contents["more"], found["more"].mode) == (b"content", 0o600)


async def test_a_hard_link_to_an_ignored_file_is_a_file(app: Path) -> None:
    os.link(app / "kept", app / "zlast")
    (app / ".dockerignore").write_text("kept")
    with await archive_of(ContextFiles(str(app), "Dockerfile")) as archive:
        assert archive.getmember("zlast").isreg()


def test_a_file_with_less_in_it_than_its_size_says_is_named() -> None:
    # The kernel gives every file of sysfs a page's size: as if it had been cut after it was looked at.
    with pytest.raises(ComposeError, match="uevent_seqnum: it became shorter while it was read"):
        ArchiveWriter(io.BytesIO()).add("/sys/kernel/uevent_seqnum", "number")


async def test_a_reader_who_leaves_early_ends_the_writing_without_a_complaint(app: Path) -> None:
    (app / "big").write_bytes(bytes(5_000_000))
    async with archived(ContextFiles(str(app), "Dockerfile")) as chunks:
        async for _ in chunks:
            break
