"""Which images a listing has, and by which names."""

from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.images.listing import Wish, listed
from engine.images.record import Image
from engine.wire.containers import ContainerConfig

DIGEST = "sha256:" + "d" * 64


def image(
    letter: str,
    *names: str,
    made: int = 1,
    parent: str = "",
    digests: tuple[str, ...] = (),
    labels: dict[str, str] | None = None,
) -> Image:
    return Image(
        id=letter,
        config=ContainerConfig(labels=labels or {}),
        chain_ids=[],
        diff_ids=[],
        repo_tags=list(names),
        repo_digests=list(digests),
        created=f"2024-01-01T00:00:00.00000000{made}Z" if made else "",
        parent=parent,
    )


BASE = image("b", made=2)
APP = image("a", "app:1", "lan:5000/team/app:1", made=5, parent="b", digests=(f"lan:5000/team/app@{DIGEST}",))
PULLED = image("p", made=3, digests=(f"app@{DIGEST}",))
LEFT = image("l", made=4, labels={"k": "v"})
TIMELESS = image("t", "old:1", made=0)
ALL = (TIMELESS, BASE, PULLED, LEFT, APP)


def names(wish: Wish) -> str:
    return "".join(one.id for one in listed(ALL, wish))


def moment(nanosecond: int) -> int:
    return 1_704_067_200_000_000_000 + nanosecond


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        (Wish(), "alpt"),
        (Wish(everything=True), "alpbt"),
        (Wish(dangling=True), "lp"),
        (Wish(dangling=False), "apt"),
        (Wish(labels=("k",)), "l"),
        (Wish(labels=("k=w",)), ""),
        (Wish(before_ns=moment(4)), "p"),
        (Wish(since_ns=moment(3)), "al"),
        (Wish(since_ns=moment(2), before_ns=moment(4)), "p"),
        (Wish(everything=True, references=("*",)), "apt"),
    ],
)
def test_nameless_parents_are_told_only_of_when_asked_and_times_are_exact(wish: Wish, found: str) -> None:
    assert names(wish) == found


@pytest.mark.parametrize(
    ("pattern", "tags", "digests"),
    [
        ("app", ["app:1"], []),
        ("app:*", ["app:1"], []),
        ("a?p:[0-9]", ["app:1"], []),
        ("a?p:[^1]", [], []),
        ("docker.io/library/app", ["app:1"], []),
        ("docker.io/library/app:1", ["app:1"], []),
        ("*", ["app:1"], []),
        ("*/team/app", ["lan:5000/team/app:1"], [f"lan:5000/team/app@{DIGEST}"]),
        ("*/*/*@*", [], [f"lan:5000/team/app@{DIGEST}"]),
        ("lan:5000/*", [], []),
        ("ap\\p", ["app:1"], []),
        ("", [], []),
        ("ap[[]", [], []),
        ("ap[&&]p", [], []),
        ("(app)", [], []),
    ],
)
def test_a_pattern_leaves_only_the_names_that_fit(pattern: str, tags: list[str], digests: list[str]) -> None:
    found = listed([APP], Wish(references=(pattern,)))
    assert [(one.repo_tags, one.repo_digests) for one in found] == ([(tags, digests)] if tags or digests else [])


@pytest.mark.parametrize("pattern", ["[", "[]", "a[z-a]", "a\\", "[^", "[a"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(BadRequest, match="syntax error in pattern"):
        listed([APP], Wish(references=(pattern,)))
