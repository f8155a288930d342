"""Changes of files as the kernel tells of them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from compose.apply.develop.notices import batches, files_below

pytestmark = pytest.mark.anyio


async def seen(changed: AsyncIterator[set[str]], *wanted: Path) -> set[str]:
    """All that has changed until each of the wanted paths was told of."""
    found: set[str] = set()
    with anyio.fail_after(60):
        async for batch in changed:
            found |= batch
            if {str(path) for path in wanted} <= found:
                break
    return found


def kept_notices() -> int:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if most > 100_000:
        pytest.skip("this machine keeps very many")
    return most


def nothing(_: str) -> bool:
    return False


async def test_files_that_are_written_moved_and_removed_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("1")
    (tmp_path / "gone").write_text("1")
    async with batches([str(tmp_path)], nothing) as changed:
        (tmp_path / "new").write_text("1")
        (tmp_path / "old").rename(tmp_path / "moved")
        (tmp_path / "gone").unlink()
        found = await seen(changed, *(tmp_path / name for name in ("new", "old", "moved", "gone")))
    assert len(found) == 4


async def test_new_directories_are_watched_with_all_that_is_in_them_already(tmp_path: Path) -> None:
    (tmp_path / "outside" / "sub").mkdir(parents=True)
    (tmp_path / "outside" / "sub" / "before").write_text("1")
    root = tmp_path / "root"
    root.mkdir()
    async with batches([str(root)], nothing) as changed:
        (tmp_path / "outside").rename(root / "inside")
        await seen(changed, root / "inside" / "sub" / "before")
        (root / "inside" / "sub" / "after").write_text("1")
        await seen(changed, root / "inside" / "sub" / "after")
        shutil.rmtree(root / "inside")
        await seen(changed, root / "inside")


async def test_what_is_in_a_renamed_directory_is_told_of_by_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "old" / "sub").mkdir(parents=True)
    file = tmp_path / "new" / "sub" / "file"
    async with batches([str(tmp_path)], nothing) as changed:
        (tmp_path / "old").rename(tmp_path / "new")
        await seen(changed, tmp_path / "old", tmp_path / "new", file.parent)
        file.write_text("1")
        found = await seen(changed, file)
    assert found == {str(file)}


async def test_what_was_moved_out_is_told_of_no_more(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    async with batches([str(root)], nothing) as changed:
        (root / "sub").rename(tmp_path / "sub")
        await seen(changed, root / "sub")
        (tmp_path / "sub" / "file").write_text("1")
        (root / "other").write_text("1")
        found = await seen(changed, root / "other")
    assert found == {str(root / "other")}


async def test_a_root_may_come_later_and_be_made_anew(tmp_path: Path) -> None:
    root = tmp_path / "not" / "yet"
    async with batches([str(root)], nothing) as changed:
        for content in ("first", "again"):
            root.mkdir(parents=True)
            (root / "file").write_text(content)
            await seen(changed, root / "file")
            (root / "later").write_text(content)
            await seen(changed, root / "later")
            shutil.rmtree(tmp_path / "not")
            found = await seen(changed, root / "file", root / "later")
            assert str(root) not in found, "the place itself stays where it was copied to"


async def test_directories_behind_links_are_not_watched(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    async with batches([str(root)], nothing) as changed:
        (outside / "file").write_text("1")
        (root / "file").write_text("1")
        found = await seen(changed, root / "file")
    assert found == {str(root / "file")}
    assert list(files_below([str(root)], nothing)) == [f"{root}/link", f"{root}/file"]


async def test_changed_permissions_of_directories_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    async with batches([str(tmp_path)], nothing) as changed:
        (tmp_path / "sub").chmod(0o700)
        await seen(changed, tmp_path / "sub")


async def test_files_that_are_saved_at_once_come_together(tmp_path: Path) -> None:
    found: list[str] = []
    together = 0
    async with batches([str(tmp_path)], nothing) as changed:
        for number in range(50):
            (tmp_path / str(number)).write_text("1")
        with anyio.fail_after(60):
            while len(set(found)) < 50:
                found += await anext(changed)
                together += 1
    assert together < 25  # one, but for moments in which the machine had no time for us


async def test_nothing_is_missed_when_more_happens_than_the_kernel_keeps_notices_of(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    async with batches([str(tmp_path)], nothing) as changed:
        for number in range(kept_notices() // 2 + 1):  # made and closed are two
            (tmp_path / str(number)).touch()
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "early").write_text("1")
        (tmp_path / "gone").rmdir()
        await seen(changed, tmp_path / "new" / "early", tmp_path / "gone")
        (tmp_path / "new" / "late").write_text("1")
        await seen(changed, tmp_path / "new" / "late")


async def test_a_single_file_is_watched_though_editors_replace_it(tmp_path: Path) -> None:
    file = tmp_path / "one.conf"
    file.write_text("1")
    async with batches([str(file)], nothing) as changed:
        (tmp_path / "new").write_text("2")
        (tmp_path / "new").rename(file)
        await seen(changed, file)
        file.write_text("3")
        await seen(changed, file)


async def test_directories_that_do_not_matter_are_not_watched(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    async with batches([str(tmp_path)], lambda path: path.endswith("node_modules")) as changed:
        (tmp_path / "node_modules" / "much").write_text("1")
        (tmp_path / "file").write_text("1")
        found = await seen(changed, tmp_path / "file")
    assert found == {str(tmp_path / "file")}


def test_the_files_that_there_are_are_found(tmp_path: Path) -> None:
    (tmp_path / "a" / "skip").mkdir(parents=True)
    for name in ("a/one", "a/skip/two", "three"):
        (tmp_path / name).write_text("1")
    found = set(files_below([f"{tmp_path}/a", f"{tmp_path}/three"], lambda path: path.endswith("/skip")))
    assert found == {f"{tmp_path}/a/one", f"{tmp_path}/three"}
