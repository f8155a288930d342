"""How long a registry that is busy is left alone."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from engine.registry.endpoint import pause_seconds


@pytest.mark.parametrize(("tries", "most"), [(1, 0.25), (2, 0.5), (5, 4.0), (50, 30.0)])
def test_pauses_double_and_never_fall_into_step(tries: int, most: float) -> None:
    assert all(most / 2 <= pause_seconds(tries, "") <= most for _ in range(100))


@pytest.mark.parametrize(("asked", "seconds"), [("0", 0.0), ("7", 7.0), ("86400", 30.0)])
def test_what_the_registry_asks_for_counts_within_bounds(asked: str, seconds: float) -> None:
    assert pause_seconds(1, asked) == seconds


@pytest.mark.parametrize(("date", "seconds"), [(1_000_009, 9.0), (900_000, 0.0)])
def test_it_may_ask_for_a_date(date: int, seconds: float) -> None:
    assert pause_seconds(1, formatdate(date, usegmt=True), now=1_000_000.0) == seconds


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e9", "Wed, 99 Foo 2024 00:00:00 GMT"])
def test_nonsense_counts_as_nothing(nonsense: str) -> None:
    assert 0.125 <= pause_seconds(1, nonsense) <= 0.25
