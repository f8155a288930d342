"""What `cache_from` and `cache_to` ask for, and how images remember the keys of their steps."""

from __future__ import annotations

import msgspec
import pytest

from engine.builder.cache import Entry
from engine.builder.caching.notes import entries_of, note, shorter_keys, with_shorter_keys
from engine.builder.caching.wishes import CacheWish, read_destination, read_source
from engine.errors import BadRequest
from engine.images.configuration import HistoryEntry
from engine.storage.layers import chain_ids


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("a/b:1", CacheWish(kind="registry", where="a/b:1", is_exact=False)),
        ("type=registry,ref=a/b:1", CacheWish(kind="registry", where="a/b:1")),
        ("type=local,src=/c,tag=x", CacheWish(kind="local", where="/c", tag="x")),
        ('type=local,"src=/c,d"', CacheWish(kind="local", where="/c,d")),
        ("type=gha,scope=x", CacheWish(kind="gha")),
    ],
)
def test_sources_are_read(text: str, wish: CacheWish) -> None:
    assert read_source(text) == wish


def test_destinations_have_a_mode_and_may_fail() -> None:
    assert read_destination("type=registry,ref=a,mode=max,ignore-error=true") == CacheWish(
        kind="registry", where="a", is_max=True, ignores_errors=True
    )
    assert read_destination("type=inline") == CacheWish(kind="inline")
    assert not read_destination("type=s3,bucket=b").is_supported


@pytest.mark.parametrize(
    "text",
    ["type=registry", "type=local,dest=/x", "type=local,src=x", "type=nonsense", "ref=a", "type=registry,ref=a,b",
     "type=registry,ref=a,mode=some"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_source(text)


def test_a_history_gives_the_steps_with_their_layers() -> None:
    diff_ids = ["sha256:" + "1" * 64, "sha256:" + "2" * 64]
    time = "2026-01-01T00:00:00Z"
    history = [
        HistoryEntry(created=time, created_by="from elsewhere"),
        HistoryEntry(created=time, created_by="ENV", comment=note("env"), empty_layer=True),
        HistoryEntry(created=time, created_by="RUN", comment=note("run")),
        HistoryEntry(created=time, comment=note("one too many")),
    ]
    found = entries_of(history, diff_ids)
    assert set(found) == {"env", "run"}
    assert (found["env"].has_layer, found["env"].chain_ids) == (False, [])
    assert (found["run"].diff_id, found["run"].chain_ids) == (diff_ids[1], chain_ids(diff_ids))


def test_shorter_keys_stand_beside_the_history() -> None:
    used = [
        Entry(id="short", description="", created_ns=1, used_ns=1, stands_for="long"),
        Entry(id="long", description="", created_ns=1, used_ns=1),
    ]
    body = with_shorter_keys(b'{"os":"linux"}', used)
    assert msgspec.json.decode(body) == {"os": "linux", "com.pycompose.keys": {"short": "long"}}
    assert shorter_keys(body)["short"].stands_for == "long"
    assert with_shorter_keys(b"{}", used[1:]) == b"{}"
    assert shorter_keys(b'{"com.pycompose.keys": 5}') == {}
