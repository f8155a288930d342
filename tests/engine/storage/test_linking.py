"""A tree a second time, whose files are the same ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.storage.layers import Layers, chain_ids
from engine.storage.linking import link_tree

pytestmark = pytest.mark.root


def upper(place: Path) -> Path:
    (place / "d").mkdir(parents=True)
    (place / "d" / "f").write_text("text")
    (place / "link").symlink_to("d/f")
    os.mkfifo(place / "pipe")
    (place / "d").chmod(0o750)
    os.chown(place / "d", 7, 8)
    os.setxattr(place / "d", "user.note", b"kept")
    os.utime(place / "d", ns=(1, 2))
    return place


def test_files_are_shared_and_directories_are_the_same(tmp_path: Path) -> None:
    source, target = upper(tmp_path / "source"), tmp_path / "target"
    link_tree(source, target)
    for name in ("d/f", "link", "pipe"):
        assert (target / name).lstat().st_ino == (source / name).lstat().st_ino
    found = (target / "d").stat()
    assert (found.st_mode & 0o777, found.st_uid, found.st_gid, found.st_mtime_ns) == (0o750, 7, 8, 2)
    assert os.getxattr(target / "d", "user.note") == b"kept"


def test_a_layer_on_other_parents_is_the_same_layer(tmp_path: Path) -> None:
    layers = Layers(tmp_path / "layers")
    alone = layers.capture(upper(tmp_path / "upper"), (), moves=True)
    shared = layers.share(alone.chain_id, ["sha256:" + "1" * 64])
    assert shared == chain_ids(["sha256:" + "1" * 64, alone.diff_id])[-1]
    assert layers.record(shared) == layers.record(alone.chain_id)
    assert layers.share(alone.chain_id, ["sha256:" + "1" * 64]) == shared
    layers.remove([alone.chain_id])
    written: list[bytes] = []
    layers.pack(shared, written.append)
    assert written
