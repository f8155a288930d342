"""Holes of sparse files."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.storage.sparse import copy_file, extents


def made(path: Path, size: int, pieces: dict[int, bytes]) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for at, data in pieces.items():
            file.seek(at)
            file.write(data)
    return path


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (0, {}),
        (5, {0: b"whole"}),
        (10_000_000, {}),
        (10_000_001, {0: b"begin", 5_000_000: b"x" * 100_000, 9_999_998: b"end"}),
        (9_000_000, {4_000_000: b"middle"}),
    ],
)
def test_a_copy_has_the_same_contents_and_the_holes(tmp_path: Path, size: int, pieces: dict[int, bytes]) -> None:
    source, target = made(tmp_path / "source", size, pieces), tmp_path / "target"
    copy_file(str(source), str(target))
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_blocks * 512 < 1_000_000


def test_data_lies_between_the_holes(tmp_path: Path) -> None:
    with made(tmp_path / "file", 8 << 20, {4 << 20: b"x" * 4096}).open("rb") as file:
        found = list(extents(file.fileno(), 8 << 20))
        assert [(begin, end) for begin, end in found if begin <= 4 << 20 < end] == found
        assert list(extents(file.fileno(), 1 << 20)) == []


def test_a_copy_neither_replaces_a_file_nor_follows_a_symlink(tmp_path: Path) -> None:
    source = made(tmp_path / "source", 1, {})
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(FileExistsError):
        copy_file(str(source), str(source))
    with pytest.raises(OSError, match="symbolic links"):
        copy_file(str(tmp_path / "link"), str(tmp_path / "target"))
