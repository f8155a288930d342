"""Layers that several pushes need at the same time."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from engine.errors import InvalidLayer
from engine.images.transfer.packing import Packings
from engine.images.transfer.push_plan import PushLayer
from engine.storage.content import Content
from engine.storage.layers import Layers
from tests.engine.storage.archives import archive, entry

pytestmark = pytest.mark.root

DATA = archive(entry("file", content=os.urandom(3_000_000)))
DIFF_ID = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
LAYER = PushLayer(DIFF_ID, DIFF_ID, len(DATA))


@pytest.fixture
def packings(tmp_path: Path) -> Packings:
    layers = Layers(tmp_path / "layers")
    layers.add(DIFF_ID, DIFF_ID, io.BytesIO(DATA).read, keep=lambda: "")
    return Packings(Content(tmp_path / "content"), layers)


def files(packings: Packings) -> list[str]:
    return [*packings.content.digests(), *(path.name for path in packings.content.path("sha256:x").parent.iterdir())]


def test_pushes_share_the_packing_of_a_layer(packings: Packings) -> None:
    heard: list[str] = []
    with packings.sharing(LAYER, lambda *_: heard.append("first")) as first:
        with packings.sharing(LAYER, lambda *_: heard.append("second")) as second:
            assert first is second
            blob = second.keep()
        assert first.keep() == blob
        content = first.file.read_at(0, blob.size)  # still open for the one that is left
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == blob.digest
    assert packings.content.digests() == [blob.digest]
    assert packings.layers.record(DIFF_ID).blob == blob.digest
    assert "first" in heard


def test_a_blob_that_nobody_keeps_goes_with_the_last_push(packings: Packings) -> None:
    with packings.sharing(LAYER, lambda *_: None) as first:
        with packings.sharing(LAYER, lambda *_: None):
            pass
        first.file.read_at(1_000, 1)  # the other's end is not ours
    assert files(packings) == []
    assert packings.layers.record(DIFF_ID).blob == ""


def test_a_layer_is_packed_to_the_same_bytes_again(packings: Packings) -> None:
    digests = set()
    for _ in range(2):
        with packings.sharing(LAYER, lambda *_: None) as packing:
            digests.add(packing.keep().digest)
        packings.content.remove(digests)
    assert len(digests) == 1


def test_a_layer_that_cannot_be_packed_fails_all_pushes_of_it_and_leaves_nothing(packings: Packings) -> None:
    (packings.layers.path(DIFF_ID) / "file").write_bytes(b"something else")
    with packings.sharing(LAYER, lambda *_: None) as first, packings.sharing(LAYER, lambda *_: None) as second:
        for packing in (first, second):
            with pytest.raises(InvalidLayer):
                packing.keep()
        assert isinstance(first.file.error, InvalidLayer)
    assert files(packings) == []
