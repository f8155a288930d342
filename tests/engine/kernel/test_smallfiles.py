"""Small files: read whole, written in place, and told apart when there is no room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.kernel.mounts import mount, unmount
from engine.kernel.smallfiles import contents, read_all, write


def test_a_file_is_read_whole_whatever_its_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for size in (0, 1, 1 << 16, (1 << 16) + 1, 200_000):
        path.write_bytes(b"x" * size)
        assert len(contents(path)) == size
    with path.open("rb") as file:
        assert len(read_all(file.fileno(), limit_bytes=70_000)) == 70_000


def test_a_file_is_written_in_place_or_below_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, b"long ago\n", mode=0o640)
    before = path.stat()
    write(path, b"now\n")
    write(path, b"then\n", flags=os.O_APPEND)
    assert path.read_bytes() == b"now\nthen\n"
    assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.root
def test_a_file_without_room_for_all_of_it_is_an_error(tmp_path: Path) -> None:
    mount("test", tmp_path, "tmpfs", options="size=16k")
    try:
        with pytest.raises(OSError, match="No space left"):
            write(tmp_path / "file", b"x" * 40_000)
    finally:
        unmount(tmp_path)
