"""Archives that are made again, byte for byte, of their unpacked files and what else was in them."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from engine.errors import InvalidLayer
from engine.storage.layers import Layers
from tests.engine.storage.archives import Member, archive, entry, folder, hard_link, symlink

pytestmark = pytest.mark.root


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path / "layers")


def kept(layers: Layers, data: bytes) -> tuple[str, list[str]]:
    """Add a layer by its archive; return its id, and whether its archive had to be kept."""
    diff_id, calls = f"sha256:{hashlib.sha256(data).hexdigest()}", []

    def keep() -> str:
        calls.append("kept")
        return diff_id

    layers.add(diff_id, diff_id, io.BytesIO(data).read, keep=keep)
    return diff_id, calls


def repeated(layers: Layers, chain_id: str) -> bytes:
    written: list[bytes] = []
    layers.pack(chain_id, written.append)
    return b"".join(written)


@pytest.mark.parametrize(
    "format_", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT], ids=["gnu", "pax", "ustar"]
)
def test_the_archive_comes_out_as_it_went_in(layers: Layers, format_: int) -> None:
    data = archive(
        folder("d", uid=7),
        entry("d/long", content=os.urandom(3_000_000), mtime=1000),
        entry("d/zeros", content=bytes(3_000_000)),
        entry("d/empty"),
        hard_link("d/twin", "d/long"),
        symlink("link", "d"),
        entry("link/through", content=b"a symlink"),
        entry("./d/./odd//name", content=b"unusual"),
        entry("d/.wh.gone", content=b"with contents, oddly"),
        entry("d/.wh..wh..opq"),
        entry("unknown", b"Z", content=b"of a kind that nobody knows"),
        *([entry("n" * 90 + "/" + "m" * 200, content=b"1")] if format_ != tarfile.USTAR_FORMAT else []),
        format_=format_,
    )
    data += b"and something behind the end" + bytes(5000)
    chain_id, calls = kept(layers, data)
    assert repeated(layers, chain_id) == data
    assert calls == []


def test_an_archive_without_an_end_comes_out_without_one(layers: Layers) -> None:
    data = archive(entry("file", content=b"1"))[:1024]
    chain_id, _ = kept(layers, data)
    assert repeated(layers, chain_id) == data


@pytest.mark.parametrize(
    "members",
    [
        (entry("a", content=b"first"), entry("a", content=b"second")),
        (entry("a", content=b"first"), folder("a"), entry("a/b")),
        (folder("a"), entry("a/b", content=b"1"), symlink("a", "elsewhere")),
        (entry("a", content=b"1"), entry("b", content=b"2"), hard_link("b", "a")),
    ],
    ids=["by a file", "by a directory", "with its directory", "by a link"],
)
def test_an_archive_is_kept_if_one_of_its_files_is_replaced(layers: Layers, members: tuple[Member, ...]) -> None:
    assert kept(layers, archive(*members))[1] == ["kept"]


def test_an_archive_with_holes_is_kept(layers: Layers, tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(10_000_000)
        file.seek(5_000_000)
        file.write(b"data")
    made = subprocess.run(["tar", "-cS", "-C", tmp_path, "holes"], capture_output=True, check=True)
    chain_id, calls = kept(layers, made.stdout)
    assert calls == ["kept"]
    assert (layers.path(chain_id) / "holes").stat().st_blocks * 512 < 1_000_000


def test_a_file_that_changed_is_noticed(layers: Layers) -> None:
    chain_id, _ = kept(layers, archive(entry("a", content=b"what it was")))
    (layers.path(chain_id) / "a").write_bytes(b"what it isn")
    with pytest.raises(InvalidLayer, match="files have changed"):
        repeated(layers, chain_id)
    (layers.path(chain_id) / "a").write_bytes(b"short")
    with pytest.raises(InvalidLayer, match="shorter than it was"):
        repeated(layers, chain_id)


def test_a_recipe_takes_little_room(layers: Layers) -> None:
    files = [entry(f"d/{number}", content=b"1" * 100, mtime=number) for number in range(2000)]
    chain_id, _ = kept(layers, archive(*files))
    assert layers.path(chain_id).with_name("recipe").stat().st_size < 2000 * 60
