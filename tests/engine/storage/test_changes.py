"""What a container changed, as overlayfs records it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.kernel.mounts import mount_points, unmount
from engine.state.paths import Paths
from engine.storage.changes import Kind, changes
from engine.storage.layers import Layers
from engine.storage.snapshots import Snapshots
from tests.engine.storage.archives import archive, entry, folder, symlink
from tests.engine.storage.test_snapshots import add_layers

pytestmark = [pytest.mark.root, pytest.mark.anyio]

LOW = archive(
    folder("etc"),
    entry("etc/passwd", content=b"root"),
    entry("etc/group", content=b"root"),
    folder("var/www"),
    entry("var/www/page"),
    entry("bin/vi"),
    folder("home/deep/down"),
    symlink("run", "/var/run"),
    folder("root", mode=0o700),
)
TOP = archive(folder("etc"), entry("etc/.wh.group"), folder("var/www"), entry("var/www/.wh..wh..opq"), entry("opt/new"))


@dataclass
class Box:
    """A mounted container."""

    snapshots: Snapshots
    root: Path

    async def said(self) -> list[str]:
        return [f"{'CAD'[change.kind]} {os.fsdecode(change.path)}" for change in await self.snapshots.changes("box")]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    paths = Paths(root=tmp_path / "root", run=tmp_path / "run")
    paths.make()
    snapshots = Snapshots(paths)
    await snapshots.create("box", add_layers(Layers(paths.layers), LOW, TOP))
    yield Box(snapshots, await snapshots.mount("box"))
    for point in reversed(list(mount_points(tmp_path))):
        unmount(point, lazily=True)


async def test_a_container_that_did_nothing_changed_nothing(box: Box) -> None:
    (box.root / "root").chmod(0o700)
    assert await box.said() == []


async def test_added_changed_and_deleted_files_are_told_with_their_directories(box: Box) -> None:
    (box.root / "a/b").mkdir(parents=True)
    (box.root / "a/b/f").touch()
    (box.root / "bin/vi").unlink()
    (box.root / "etc/passwd").write_text("new")
    (box.root / "home/deep/down").rmdir()
    shutil.rmtree(box.root / "var/www")
    assert await box.said() == [
        "A a",
        "A a/b",
        "A a/b/f",
        "C bin",
        "D bin/vi",
        "C etc",
        "C etc/passwd",
        "C home",
        "C home/deep",
        "D home/deep/down",
        "C var",
        "D var/www",
    ]


async def test_a_file_changed_in_place_brings_its_directory_along(box: Box) -> None:
    with (box.root / "etc/passwd").open("a") as file:
        file.write("more")
    assert await box.said() == ["C etc", "C etc/passwd"]


async def test_what_lower_layers_hide_counts_as_new_when_it_comes_again(box: Box) -> None:
    (box.root / "etc/group").touch()
    (box.root / "var/www/page").touch()
    assert await box.said() == ["C etc", "A etc/group", "C var", "C var/www", "A var/www/page"]


async def test_a_replaced_directory_is_changed_and_a_directory_for_a_symlink_too(box: Box) -> None:
    shutil.rmtree(box.root / "home")
    (box.root / "home").mkdir()
    (box.root / "run").unlink()
    (box.root / "run").mkdir()
    (box.root / "run/pid").touch()
    assert await box.said() == ["C home", "C run", "A run/pid"]


async def test_files_that_a_container_wrote_over_the_ground_are_changes(box: Box) -> None:
    (box.root / "etc/hosts").write_text("127.0.0.1 me")
    (box.root / "etc/own").touch()
    (box.root / "proc/mine").touch()
    assert await box.said() == ["C etc", "C etc/hosts", "A etc/own", "C proc", "A proc/mine"]


def test_a_whiteout_of_nothing_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "upper").mkdir()
    (tmp_path / "lower").mkdir()
    os.mknod(tmp_path / "upper/gone", stat.S_IFCHR)
    assert changes(tmp_path / "upper", [tmp_path / "lower"]) == []


def test_symlinks_of_layers_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "upper/etc").mkdir(parents=True)
    (tmp_path / "upper/etc/hosts").touch()
    (tmp_path / "lower").mkdir()
    (tmp_path / "lower/etc").symlink_to("/etc")
    found = changes(tmp_path / "upper", [tmp_path / "lower"])
    assert [(change.path, change.kind) for change in found] == [(b"etc", Kind.MODIFIED), (b"etc/hosts", Kind.ADDED)]
