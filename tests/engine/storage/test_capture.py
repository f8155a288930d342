"""Making layers of upper directories."""

# ruff: noqa: PTH208 - names, not paths, are compared

from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path

import pytest

from engine.errors import InvalidLayer
from engine.storage import layers as layers_module
from engine.storage.layers import Layers, chain_ids
from tests.engine.storage.archives import archive, entry
from tests.engine.storage.test_pack import furnish

pytestmark = pytest.mark.root


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path / "layers")


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    made = tmp_path / "upper"
    made.mkdir(mode=0o755)
    return made


def base(layers: Layers) -> str:
    data = archive(entry("etc/os-release", content=b"ours"))
    diff_id = "sha256:" + hashlib.sha256(data).hexdigest()
    layers.add(diff_id, diff_id, io.BytesIO(data).read)
    return diff_id


@pytest.mark.parametrize("moves", [True, False])
def test_a_captured_layer_is_one_like_any_other(layers: Layers, upper: Path, moves: bool) -> None:
    parent = base(layers)
    furnish(upper)
    captured = layers.capture(upper, [parent], moves=moves)
    assert captured.chain_id == chain_ids([parent, captured.diff_id])[-1]
    assert sorted(layers.chain_ids()) == sorted([parent, captured.chain_id])
    assert (layers.path(captured.chain_id) / "tool").stat().st_mode & 0o7777 == 0o4755
    assert (layers.root / layers.short_path(captured.chain_id) / "tool").exists()
    assert layers.size_bytes(captured.chain_id) == captured.size_bytes
    assert upper.exists() is not moves
    output = io.BytesIO()
    layers.pack(captured.chain_id, output.write)
    assert "sha256:" + hashlib.sha256(output.getvalue()).hexdigest() == captured.diff_id


def test_moved_and_copied_a_directory_makes_the_same_layer_once(layers: Layers, upper: Path) -> None:
    furnish(upper)
    copied = layers.capture(upper, [], moves=False)
    assert layers.capture(upper, [], moves=True) == copied
    assert layers.chain_ids() == [copied.chain_id]
    assert copied.chain_id == copied.diff_id


@pytest.mark.parametrize("moves", [True, False])
def test_what_an_archive_cannot_say_is_not_in_the_layer(layers: Layers, upper: Path, moves: bool) -> None:
    (upper / "etc").mkdir()
    (upper / "etc/.wh.motd").touch()
    (upper / "etc/motd").touch()
    (upper / ".wh.dev/pts").mkdir(parents=True)
    os.mkfifo(upper / "etc/fifo")
    captured = layers.capture(upper, [], moves=moves)
    assert os.listdir(layers.path(captured.chain_id)) == ["etc"]
    assert sorted(os.listdir(layers.path(captured.chain_id) / "etc")) == ["fifo", "motd"]


def test_a_layer_on_another_parent_is_another_layer(layers: Layers, upper: Path) -> None:
    (upper / "file").touch()
    alone = layers.capture(upper, [], moves=False)
    stacked = layers.capture(upper, [base(layers)], moves=False)
    assert alone.diff_id == stacked.diff_id
    assert alone.chain_id != stacked.chain_id


@pytest.mark.parametrize("moves", [True, False])
def test_after_a_failure_nothing_stays_and_the_directory_is_as_it_was(
    layers: Layers, upper: Path, monkeypatch: pytest.MonkeyPatch, moves: bool
) -> None:
    (upper / "file").write_text("precious")

    def full(directory: Path) -> None:
        raise OSError(28, "No space left on device", str(directory))

    monkeypatch.setattr(layers_module, "_sync", full)  # a disk that fails at the last moment cannot be had otherwise
    with pytest.raises(OSError, match="No space left"):
        layers.capture(upper, [], moves=moves)
    assert sorted(os.listdir(layers.root)) == ["empty", "l"]
    assert (upper / "file").read_text() == "precious"


def test_a_layer_whose_files_were_changed_is_not_packed_unnoticed(layers: Layers, upper: Path) -> None:
    (upper / "file").write_text("one")
    captured = layers.capture(upper, [], moves=True)
    (layers.path(captured.chain_id) / "file").write_text("two")
    with pytest.raises(InvalidLayer, match="have changed"):
        layers.pack(captured.chain_id, lambda _: None)


def test_whiteouts_that_share_an_inode_stay_whiteouts(layers: Layers, upper: Path) -> None:
    os.mknod(upper / "a", stat.S_IFCHR)
    os.link(upper / "a", upper / "b")
    captured = layers.capture(upper, [], moves=False)
    assert [os.lstat(layers.path(captured.chain_id) / name).st_rdev for name in "ab"] == [0, 0]


def test_a_sparse_file_takes_no_room_in_its_copy(layers: Layers, tmp_path: Path) -> None:
    upper = tmp_path / "sparse"
    upper.mkdir()
    with (upper / "big").open("wb") as file:
        file.truncate(200_000_000)
        file.seek(100_000_001)
        file.write(b"data")
    made = layers.capture(upper, [], moves=False)
    copy = layers.path(made.chain_id) / "big"
    assert copy.stat().st_blocks * 512 < 3_000_000
    with copy.open("rb") as file:
        file.seek(100_000_000)
        assert file.read(6) == b"\0data\0"
    digest = hashlib.sha256()
    layers.pack(made.chain_id, digest.update)
    assert f"sha256:{digest.hexdigest()}" == made.diff_id
