"""Layers that several pushes bring to one place at the same time."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable, Hashable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from engine.images.transfer.feed import Feed
from engine.images.transfer.push_plan import PushLayer
from engine.images.transfer.uploads import Upload, Uploads
from engine.registry.interrupt import Interrupt, Interrupted
from engine.registry.manifest import Document
from engine.registry.upload import Source
from engine.storage.content import Content
from engine.storage.layers import Layers
from tests.engine.storage.archives import archive, entry

pytestmark = [pytest.mark.root, pytest.mark.anyio]

DATA = archive(entry("file", content=os.urandom(100_000)))
DIFF_ID = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
LAYER = PushLayer(DIFF_ID, DIFF_ID, len(DATA))


class SlowPlace:
    """Takes blobs whole, once it is `open`."""

    def __init__(self, name: str = "place") -> None:
        self.name = name
        self.open = threading.Event()
        self.asked = threading.Event()
        self.pushed: list[tuple[str, str]] = []

    @property
    def destination(self) -> Hashable:
        return self.name

    def has(self, repository: str, digest: str, interrupt: Interrupt) -> int | None:
        return 1 if (repository, digest) in self.pushed else None

    def push(
        self, repository: str, source: Source, interrupt: Interrupt, measure: Callable[[int], None], *,
        digest: str = "", mount_from: str = "",
    ) -> bool:  # fmt: skip
        self.asked.set()
        self.open.wait()
        interrupt.check()
        while source.size_bytes is None:
            source.read_at(len(DATA) * 2, 1)  # waits for the end
        self.pushed.append((repository, digest or source.digest()))
        return False

    def put_manifest(self, repository: str, reference: str, document: Document, interrupt: Interrupt) -> None:
        raise AssertionError("layers only")


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    layers = Layers(tmp_path / "layers")
    layers.add(DIFF_ID, DIFF_ID, io.BytesIO(DATA).read, keep=lambda: "")
    return Uploads(Content(tmp_path / "content"), layers)


async def ended(upload: Upload) -> Upload:
    with anyio.fail_after(60):
        await upload.wait_settled()
    return upload


def statuses(feed: Feed) -> list[object]:
    return [line.status for line in feed.take() if line.status != "Pushing"]


async def test_a_layer_that_two_pushes_want_in_one_place_goes_up_once_and_both_hear_of_it(uploads: Uploads) -> None:
    place, feeds = SlowPlace(), (Feed(), Feed())
    first = uploads.share(LAYER, "app", place, feeds[0])
    await anyio.to_thread.run_sync(place.asked.wait)
    second = uploads.share(LAYER, "app", place, feeds[1])
    place.open.set()
    for upload in (first, second):
        assert (await ended(upload)).error is None
    assert first.blob is not None
    assert second.blob == first.blob
    assert place.pushed == [("app", first.blob.digest)]
    assert [statuses(feed) for feed in feeds] == [["Pushed"]] * 2


async def test_who_leaves_an_upload_does_not_call_it_off_for_the_other(uploads: Uploads) -> None:
    place, feeds = SlowPlace(), (Feed(), Feed())
    first = uploads.share(LAYER, "app", place, feeds[0])
    uploads.share(LAYER, "app", place, feeds[1])
    assert not first.leave(feeds[0])
    place.open.set()
    assert (await ended(first)).error is None
    assert statuses(feeds[1]) == ["Pushed"]


async def test_an_upload_that_was_called_off_is_not_joined(uploads: Uploads) -> None:
    place, feeds = SlowPlace(), (Feed(), Feed())
    first = uploads.share(LAYER, "app", place, feeds[0])
    await anyio.to_thread.run_sync(place.asked.wait)
    assert first.leave(feeds[0])
    second = uploads.share(LAYER, "app", place, feeds[1])
    place.open.set()
    assert isinstance((await ended(first)).error, Interrupted)
    assert (await ended(second)).error is None


async def test_other_repositories_and_other_places_have_uploads_of_their_own(uploads: Uploads) -> None:
    place, elsewhere = SlowPlace(), SlowPlace("elsewhere")
    place.open.set()
    elsewhere.open.set()
    made = [uploads.share(LAYER, *target, Feed()) for target in (("a", place), ("b", place), ("a", elsewhere))]
    for upload in made:
        assert (await ended(upload)).error is None
    assert [sorted(name for name, _ in target.pushed) for target in (place, elsewhere)] == [["a", "b"], ["a"]]


async def test_what_was_packed_since_a_push_was_planned_is_not_packed_again(uploads: Uploads) -> None:
    place, feed = SlowPlace(), Feed()
    place.open.set()
    await ended(uploads.share(LAYER, "app", place, Feed()))
    again = await ended(uploads.share(LAYER, "app", place, feed))
    assert statuses(feed) == ["Layer already exists"]
    assert again.blob is not None
    assert len(place.pushed) == 1


async def test_documents_are_brought_to_a_repository_by_one_push_at_a_time(uploads: Uploads) -> None:
    place = SlowPlace()
    lock = uploads.closing("app", place)
    assert uploads.closing("app", SlowPlace()) is lock
    assert uploads.closing("other", place) is not lock
    assert uploads.closing("app", SlowPlace("elsewhere")) is not lock
