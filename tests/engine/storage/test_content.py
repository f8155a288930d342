"""Blobs are whole or not there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from engine.errors import InvalidLayer
from engine.storage.content import Content, digest_of

DATA = os.urandom(200_000)


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return Content(tmp_path)


def test_a_blob_has_its_name_once_it_is_whole(content: Content) -> None:
    digest = digest_of(DATA)
    with content.writing(digest, len(DATA)) as file:
        file.write(DATA)
        assert not content.has(digest)
    assert content.read(digest) == DATA
    assert content.digests() == [digest]
    assert content.remove([digest, digest]) == len(DATA)
    assert not content.has(digest)


def test_a_blob_can_be_read_while_it_grows(content: Content) -> None:
    received: list[bytes] = []
    with content.writing(digest_of(DATA), len(DATA)) as file:
        reader = file.reader()

        def read() -> None:
            while chunk := reader.read(7000):
                received.append(chunk)

        thread = threading.Thread(target=read)
        thread.start()
        for start in range(0, len(DATA), 50_000):
            file.write(DATA[start : start + 50_000])
    thread.join()
    reader.close()
    assert b"".join(received) == DATA


@pytest.mark.parametrize(("size", "sent"), [(len(DATA), DATA[:-1] + b"x"), (len(DATA) + 1, DATA), (1, b"")])
def test_a_corrupt_blob_leaves_nothing_and_fails_its_readers(
    content: Content, tmp_path: Path, size: int, sent: bytes
) -> None:
    with pytest.raises(InvalidLayer, match="corrupt"), content.writing(digest_of(DATA), size) as file:
        reader = file.reader()
        file.write(sent)
    with pytest.raises(InvalidLayer):
        reader.read(1)
    reader.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_crash_left_half_written_is_swept_away(content: Content, tmp_path: Path) -> None:
    content.put(digest_of(b"x"), b"x")
    (tmp_path / "sha256" / ".tmp-half").write_bytes(b"x")
    content.sweep()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [digest_of(b"x")[7:]]
