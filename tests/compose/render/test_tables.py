"""Columns of text, and what people read in them."""

from __future__ import annotations

import pytest

from compose.plan.observed import ObservedPort
from compose.render.listings.ports import displayed_ports
from compose.render.tables import table
from compose.render.units import human_duration, human_size


def test_neighbouring_ports_are_shown_as_a_range() -> None:
    ports = [ObservedPort(number, number + 1000, "0.0.0.0") for number in (80, 81, 82)] + [
        ObservedPort(90),
        ObservedPort(91),
    ]
    assert displayed_ports(ports) == "0.0.0.0:1080-1082->80-82/tcp, 90-91/tcp"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(["A", "B"], [["long cell", "x"]]) == "A           B\nlong cell   x\n"
    assert table(["A", "B"], [["x", "longer than its header"]], narrowest=10) == (
        "A         B\nx         longer than its header\n"
    )


def test_an_empty_cell_leaves_the_padding_before_it() -> None:
    assert table(["A", "B"], [["x", ""]]) == "A   B\nx   \n"
    assert table(["A", "B"], [["x", "y"]], narrowest=4, gap=2) == "A   B\nx   y\n"


def test_signs_that_take_two_columns_count_twice() -> None:
    assert table(["A", "B"], [["日本", "x"], ["e\u0301", "y"]]) == "A      B\n日本   x\ne\u0301      y\n"


def test_rows_of_other_lengths_keep_the_columns() -> None:
    assert table(["A", "B", "C"], [["only this"], ["x", "y"]]) == "A   B   C\nonly this\nx   y\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (600, "10 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
        (5400, "2 hours"),
        (7200, "2 hours"),
        (47.4 * 3600, "47 hours"),
        (47.5 * 3600, "2 days"),
        (3 * 86400, "3 days"),
        (21 * 86400, "3 weeks"),
        (90 * 86400, "3 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_durations_in_dockers_words(seconds: float, words: str) -> None:
    assert human_duration(seconds) == words


def test_sizes_have_a_decimal_unit() -> None:
    assert [human_size(number) for number in (0, 999, 12_345_678)] == ["0B", "999B", "12.35MB"]
