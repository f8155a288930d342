"""Pruning, as clients see it."""

from __future__ import annotations

import sys

import pytest

from engine.api.pruning import Prunes
from engine.errors import BadRequest, Conflict
from engine.wire.times import pruned_before

NOW_NS = 1_700_000_000_000_000_000


def test_of_a_kind_only_one_prune_runs_at_a_time() -> None:
    prunes = Prunes()
    with (
        prunes.only_one("images"),
        prunes.only_one("containers"),
        pytest.raises(Conflict, match=r"^a prune operation is already running$"),
        prunes.only_one("images"),
    ):
        pytest.fail("the second one began")


def test_a_prune_that_fails_makes_room_for_the_next() -> None:
    prunes = Prunes()
    with pytest.raises(BadRequest), prunes.only_one("images"):
        raise BadRequest("no such filter")
    with prunes.only_one("images"):
        pass


@pytest.mark.parametrize(
    ("texts", "limit_ns"),
    [((), sys.maxsize), (("10m",), NOW_NS - 600_000_000_000), (("1600000000",), 1_600_000_000_000_000_000)],
)
def test_until_says_how_old_things_are_to_be(texts: tuple[str, ...], limit_ns: int) -> None:
    assert pruned_before(texts, NOW_NS) == limit_ns


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("1h", "2h"), "more than one until filter specified"),
        (("yesterday",), 'failed to parse value as time or duration: "yesterday"'),
    ],
)
def test_until_is_refused_in_dockers_words(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        pruned_before(texts, NOW_NS)
    assert refused.value.message == words
