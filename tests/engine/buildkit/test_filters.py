"""What is cached, by the filters of `docker buildx du` and `prune`."""

from __future__ import annotations

import time

import pytest

from engine.builder.usage import CacheUsage
from engine.buildkit.control.filters import read_filters
from engine.errors import BadRequest

STEP = CacheUsage(
    id="abc", kind="regular", description="RUN make", size_bytes=1, created_ns=0, used_ns=time.time_ns(), uses=1
)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("type==regular", True),
        ("type==exec.cachemount", False),
        ("type!=exec.cachemount", True),
        ("id~=^a", True),
        ("id~=z", False),
        ('description~="RUN make"', True),
        ("inuse", False),
        ("private", True),
        ("private,type==source.local", False),
    ],
)
def test_a_filter_is_all_of_its_terms(text: str, *, matches: bool) -> None:
    assert read_filters([text])(STEP) is matches


def test_one_of_several_filters_is_enough() -> None:
    assert read_filters(["type==source.local", "type==regular"])(STEP)
    assert read_filters([])(STEP)


def test_what_was_used_lately_is_not_unused() -> None:
    assert not read_filters([], unused_for_ns=3600 * 10**9)(STEP)


@pytest.mark.parametrize("text", ["colour==red", "type=regular", "id~=["])
def test_an_unknown_filter_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_filters([text])
