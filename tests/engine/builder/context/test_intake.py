"""Contexts that arrive: in memory while there is room, on the disk otherwise, and the same files either way."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.builder.context.intake import take_in
from engine.errors import EngineError
from engine.kernel.mounts import mount_points, unmount
from engine.storage.compression import Read
from tests.engine.storage.archives import archive, entry, folder, hard_link, symlink

pytestmark = pytest.mark.root

SPACIOUS, TIGHT = 1 << 20, 16 << 10
CONTENT = os.urandom(6_000)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "sent"
    yield place
    for point in reversed(list(mount_points(place))):
        unmount(point, lazily=True)


def reader(content: bytes) -> Read:
    return io.BytesIO(content).read


def context() -> bytes:
    files = [entry(f"d/file{number}", content=CONTENT, mode=0o640, mtime=1000.5) for number in range(5)]
    return archive(
        folder("d", mode=0o750, mtime=500.0), *files, hard_link("d/twin", "d/file0"), symlink("link", "d/file4")
    )


@pytest.mark.parametrize("memory_bytes", [SPACIOUS, TIGHT], ids=["in memory", "on the disk"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_context_has_the_same_files_in_memory_and_on_the_disk(
    place: Path, memory_bytes: int, pack: Callable[[bytes], bytes]
) -> None:
    take_in(reader(pack(context())), place, memory_bytes)
    found = place / "context"
    assert sorted(os.listdir(found / "d")) == [*(f"file{number}" for number in range(5)), "twin"]  # noqa: PTH208
    assert {(found / "d" / f"file{number}").read_bytes() for number in range(5)} == {CONTENT}
    assert (found / "d" / "twin").samefile(found / "d" / "file0")
    assert str((found / "link").readlink()) == "d/file4"
    assert (found / "d" / "file1").stat().st_mtime_ns == 1000_500_000_000
    assert (found / "d").stat().st_mtime_ns == 500_000_000_000
    assert (found / "d").stat().st_mode & 0o7777 == 0o750


def test_only_what_fits_stays_in_memory(place: Path) -> None:
    take_in(reader(context()), place, SPACIOUS)
    assert list(mount_points(place)) == [place]
    unmount(place, lazily=True)
    place.rmdir()
    take_in(reader(context()), place, TIGHT)
    assert list(mount_points(place)) == []
    assert [path.name for path in place.parent.iterdir()] == ["sent"]


def test_one_file_that_is_longer_than_the_memory_goes_to_the_disk(place: Path) -> None:
    take_in(reader(archive(entry("long", content=CONTENT * 10))), place, TIGHT)
    assert (place / "context" / "long").read_bytes() == CONTENT * 10
    assert list(mount_points(place)) == []


def test_names_that_hide_something_in_a_layer_are_names_like_others(place: Path) -> None:
    take_in(reader(archive(entry(".wh.secret", content=b"1"), entry("d/.wh..wh..opq", content=b"2"))), place)
    assert (place / "context" / ".wh.secret").read_bytes() == b"1"
    assert (place / "context" / "d" / ".wh..wh..opq").read_bytes() == b"2"


def test_an_archive_may_lack_its_end(place: Path) -> None:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        tar.addfile(entry("Dockerfile", content=b"FROM scratch")[0], io.BytesIO(b"FROM scratch"))
    take_in(reader(output.getvalue()[: 512 + len(b"FROM scratch")]), place)
    assert (place / "context" / "Dockerfile").read_bytes() == b"FROM scratch"


def test_no_archive_at_all_is_an_empty_context(place: Path) -> None:
    take_in(reader(b""), place)
    assert list((place / "context").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [b"FROM busybox\n" * 100, context()[:4000], gzip.compress(context())[:900]],
    ids=["text", "half an archive", "half a compressed archive"],
)
def test_a_broken_archive_is_refused(place: Path, content: bytes) -> None:
    with pytest.raises(EngineError, match="no tar archive, or a broken one"):
        take_in(reader(content), place)


def test_nothing_is_written_outside(place: Path) -> None:
    with pytest.raises(EngineError, match="outside"):
        take_in(reader(archive(entry("../evil", content=b"1"))), place)
    assert not (place.parent / "evil").exists()
