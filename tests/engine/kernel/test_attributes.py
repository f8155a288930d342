"""Attributes of directories, on a file system that has them and on one that has not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.kernel.attributes import are_unrelated, keep_apart
from engine.kernel.mounts import mount, unmount

pytestmark = pytest.mark.root


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """A small file system of that kind."""
    image, place = tmp_path / "image", tmp_path / "ext4"
    with image.open("wb") as file:
        file.truncate(4 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    place.mkdir()
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    yield place
    assert unmount(place)


def test_directories_are_told_to_be_unrelated_once(ext4: Path) -> None:
    assert not are_unrelated(ext4)
    for _ in range(2):
        keep_apart(ext4)
        assert are_unrelated(ext4)
    other_flags = subprocess.run(["lsattr", "-d", ext4], check=True, capture_output=True, text=True).stdout.split()[0]
    assert set(other_flags) == {"-", "T", "e"}


def test_a_file_system_without_regions_lacks_nothing(tmp_path: Path) -> None:
    mount("test", tmp_path, "tmpfs", options="size=64k")
    try:
        keep_apart(tmp_path)
        keep_apart(tmp_path / "missing")
    finally:
        unmount(tmp_path)
