"""Copies of trees are like the originals."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from engine.storage import copying
from engine.storage.copying import copy_tree
from engine.storage.deletion import delete_tree
from engine.storage.sparse import copy_file

pytestmark = [pytest.mark.root, pytest.mark.anyio]


async def test_a_copied_tree_has_the_same_owners_modes_times_links_and_attributes(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "data").mkdir(parents=True)
    target.mkdir()
    (source / "data/file").write_bytes(b"content")
    os.link(source / "data/file", source / "same")
    (source / "dangling").symlink_to("/nowhere")
    os.mkfifo(source / "pipe", 0o622)
    os.setxattr(source / "data/file", "user.note", b"n")
    os.chown(source / "data/file", 70, 71)
    (source / "data/file").chmod(0o4711)
    os.chown(source, 999, 999)
    source.chmod(0o700)
    os.utime(source / "data", ns=(1, 2_000_000_001))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
    await copy_tree(source, target)
    copied = (target / "data/file").stat()
    assert (copied.st_uid, copied.st_gid, stat.S_IMODE(copied.st_mode), copied.st_nlink) == (70, 71, 0o4711, 2)
    assert (target / "same").samefile(target / "data/file")
    assert os.getxattr(target / "data/file", "user.note") == b"n"
    assert str((target / "dangling").readlink()) == "/nowhere"
    assert stat.S_ISFIFO((target / "pipe").stat().st_mode)
    assert (target / "data").stat().st_mtime_ns == 2_000_000_001
    assert (target.stat().st_uid, stat.S_IMODE(target.stat().st_mode)) == (999, 0o700)
    assert not (target / "socket").exists()


async def test_what_is_in_the_way_is_replaced_and_directories_are_joined(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for directory in (source / "d", source / "was-file", target / "d", target / "was-dir/inner"):
        directory.mkdir(parents=True)
    (source / "was-dir").write_text("new")
    (target / "was-file").write_text("old")
    (target / "d/kept").write_text("kept")
    (tmp_path / "outside").write_text("outside")
    (target / "link").symlink_to(tmp_path / "outside")
    (source / "link").write_text("new")
    await copy_tree(source, target)
    assert (target / "was-dir").read_text() == "new"
    assert (target / "was-file").is_dir()
    assert (target / "d/kept").read_text() == "kept"
    assert (target / "link").read_text() == "new"
    assert (tmp_path / "outside").read_text() == "outside"


async def test_a_link_that_a_container_lays_meanwhile_does_not_lead_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source" / "etc").mkdir(parents=True)
    (tmp_path / "source" / "etc" / "passwd").write_text("the image's")
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    descriptor = os.open(target, os.O_RDONLY)

    def lay_link_and_copy(source: str, place: str) -> None:
        os.rename("etc", "moved", src_dir_fd=descriptor, dst_dir_fd=descriptor)
        os.symlink(outside, "etc", dir_fd=descriptor)
        copy_file(source, place)

    monkeypatch.setattr(copying, "copy_file", lay_link_and_copy)
    with pytest.raises(FileNotFoundError):
        await copy_tree(tmp_path / "source", target)
    os.close(descriptor)
    assert list(outside.iterdir()) == []


async def test_a_tree_deeper_than_any_limit_can_be_deleted(tmp_path: Path) -> None:
    top = tmp_path / "deep"
    top.mkdir()
    descriptor = os.open(top, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("directory", dir_fd=descriptor)
        inner = os.open("directory", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    delete_tree(top)
    assert not top.exists()
    delete_tree(top)
