"""A directory that is read and written as a registry is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.errors import EngineError, NotFound, RegistryError
from engine.images.archives.layout import Layout
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import OCI_MANIFEST, Descriptor, Document
from engine.registry.upload import BytesSource
from engine.storage.content import digest_of

INTERRUPT = Interrupt()


def put(layout: Layout, tag: str, body: bytes) -> str:
    document = Document(digest_of(body), OCI_MANIFEST, body)
    layout.put_manifest("x", tag, document, INTERRUPT)
    return document.digest


def test_a_manifest_is_found_by_its_tag_and_its_digest(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "new" / "cache")
    first, second = put(layout, "a", b"{1}"), put(layout, "b", b"{2}")
    assert layout.manifest("x", "a", INTERRUPT) == Document(first, OCI_MANIFEST, b"{1}")
    assert layout.manifest("x", second, INTERRUPT).body == b"{2}"
    third = put(layout, "a", b"{3}")
    assert layout.manifest("x", "a", INTERRUPT).digest == third
    assert [item["digest"] for item in json.loads((tmp_path / "new/cache/index.json").read_bytes())["manifests"]] == [
        second,
        third,
    ]
    with pytest.raises(NotFound, match=r"nothing in .* is tagged 'none'"):
        layout.manifest("x", "none", INTERRUPT)


def test_a_manifest_by_digest_is_kept_without_being_listed(tmp_path: Path) -> None:
    layout, body = Layout(tmp_path), b"{}"
    layout.put_manifest("x", digest_of(body), Document(digest_of(body), OCI_MANIFEST, body), INTERRUPT)
    assert layout.manifest("x", digest_of(body), INTERRUPT).body == body
    assert not (tmp_path / "index.json").exists()


def test_a_blob_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    layout, body = Layout(tmp_path), b"b" * 1_000_000
    layout.push("x", BytesSource(body), INTERRUPT, lambda _: None)
    assert layout.has("x", digest_of(body), INTERRUPT) == len(body)
    assert b"".join(layout.blob("x", Descriptor(digest_of(body), len(body)), INTERRUPT)) == body

    class Broken(BytesSource):
        def read_at(self, offset: int, size: int) -> bytes:
            if offset:
                raise RegistryError("broken")
            return super().read_at(offset, size)

    with pytest.raises(RegistryError, match="broken"):
        layout.push("x", Broken(b"c" * 1_000_000), INTERRUPT, lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["blobs"]
    assert len(list((tmp_path / "blobs" / "sha256").iterdir())) == 1


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    layout, digest = Layout(tmp_path), digest_of(b"")
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    blob = tmp_path / "blobs" / "sha256" / digest.removeprefix("sha256:")
    os.mkfifo(blob)
    with pytest.raises(RegistryError, match="is not a file"):
        layout.document("x", Descriptor(digest, 5), 10, INTERRUPT)
    blob.unlink()
    blob.symlink_to("/etc/passwd")
    with pytest.raises(RegistryError, match="cannot be read"):
        layout.document("x", Descriptor(digest, 5), 10, INTERRUPT)
    blob.unlink()
    blob.write_bytes(b"other")
    with pytest.raises(RegistryError, match="does not have that digest"):
        layout.document("x", Descriptor(digest, 5), 10, INTERRUPT)


@pytest.mark.parametrize(
    "index", ["{", "[]", '{"manifests": [{"annotations": {"org.opencontainers.image.ref.name": "a"}}]}']
)
def test_an_index_that_cannot_be_read_is_named(tmp_path: Path, index: str) -> None:
    (tmp_path / "index.json").write_text(index)
    with pytest.raises(RegistryError, match=r"index.json cannot be read"):
        Layout(tmp_path).manifest("x", "a", INTERRUPT)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be written: "):
        put(Layout(tmp_path / "file" / "x"), "a", b"{}")


@pytest.mark.root
def test_what_is_made_belongs_to_the_owner_of_the_directory_around_it(tmp_path: Path) -> None:
    os.chown(tmp_path, 7, 8)
    put(Layout(tmp_path / "a" / "b"), "t", b"{}")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in tmp_path.rglob("*")} == {(7, 8)}
