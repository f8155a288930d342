"""Atomic files, the lock of a state directory, and the names of an engine's kernel objects."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import Conflict
from engine.state.atomic import write_atomically
from engine.state.lock import lock_directory
from engine.state.paths import Paths


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old", mode=0o644)
    write_atomically(path, b"new", mode=0o644)
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(path, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_directory_has_one_engine_at_a_time(tmp_path: Path) -> None:
    descriptor = lock_directory(tmp_path)
    with pytest.raises(Conflict, match="another engine"):
        lock_directory(tmp_path)
    os.close(descriptor)
    os.close(lock_directory(tmp_path))


def test_engines_with_different_roots_have_different_tags(tmp_path: Path) -> None:
    one, other = (Paths(tmp_path / name, tmp_path) for name in ("one", "other"))
    assert one.tag != other.tag
    assert one.cgroup != other.cgroup


def test_the_directories_can_be_made_twice(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "root", tmp_path / "run")
    paths.make()
    paths.make()
    assert paths.layers.is_dir()
