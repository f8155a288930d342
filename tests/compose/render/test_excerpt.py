"""The line of a file with a mark under what is wrong."""

from __future__ import annotations

import pytest

from compose.render.excerpt import excerpt


def marked(source: str, column: int, part: str = "") -> str:
    """Return what the mark stands under, by putting both lines over each other."""
    text, blank, mark = excerpt(source, column, part)
    return text[len(blank) : len(blank) + len(mark)]


@pytest.mark.parametrize(
    ("source", "column", "expected"),
    [
        ("    imgae: nginx", 5, "imgae"),
        ("    image: nginx:1 # newest", 12, "nginx:1"),
        ("    image: 'a b' # x", 12, "'a b'"),
        ("    image: 'it''s' # x", 12, "'it''s'"),
        (r'    image: "a \" b": c', 12, r'"a \" b"'),
        ("    image: 'open", 12, "'open"),
        ("a: {image: nginx, tty: 1}", 12, "nginx"),
        ("a: {image: nginx}", 12, "nginx"),
        ("a: [x, y]", 5, "x"),
        ("a: [x, y]", 4, "[x, y]"),
        ("a: {x: [1]}", 4, "{x: [1]}"),
        ("a: [x,", 4, "["),
        ("a: *alias rest", 4, "*alias"),
        ("a: !!int x", 4, "!!int"),
        ("- http://x/#y", 3, "http://x/#y"),
        ("a: ${X:?no} b", 4, "${X:?no} b"),
        ("[${X}, b]", 2, "${X}"),
        ("  a], b: c", 3, "a"),
        ("  a, b: c", 3, "a"),
        ("image:", 7, ""),
        ("a: b\r", 4, "b"),
    ],
)
def test_the_mark_is_as_long_as_the_scalar_key_or_collection(source: str, column: int, expected: str) -> None:
    assert marked(source, column) == expected


def test_the_mark_is_as_long_as_the_part_that_is_at_fault() -> None:
    assert marked("image: a/${B:?no}", 10, "${B:?no}") == "${B:?no}"


def test_at_the_end_of_a_line_the_mark_has_one_column() -> None:
    assert excerpt("image:", 7) == ("image:", "      ", "^")


def test_tabs_stay_and_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert excerpt("\tab: x", 6) == ("\tab: x", "\t    ", "^")
    assert excerpt("日本: x", 5) == ("日本: x", "      ", "^")
    assert excerpt("e\u0301: 日本", 5) == ("e\u0301: 日本", "   ", "^^^^")


def test_what_a_terminal_would_act_upon_is_not_shown() -> None:
    assert excerpt("a: \x1b[31mred", 4)[0] == "a: \ufffd[31mred"


def test_of_a_long_line_the_part_around_the_mark_is_shown() -> None:
    text, blank, mark = excerpt(f"a: [{'x, ' * 200}here, {'y, ' * 200}]", 605)
    assert text[len(blank) : len(blank) + len(mark)] == "here"
    assert (text[0], text[-1], len(text)) == ("…", "…", 152)


def test_a_line_of_many_megabytes_is_cut_before_anything_is_done_with_it() -> None:
    text, blank, mark = excerpt(f"a: [{'x, ' * 2_000_000}here, {'y, ' * 2_000_000}]", 6_000_005)
    assert text[len(blank) : len(blank) + len(mark)] == "here"
    assert (text[0], text[-1], len(text)) == ("…", "…", 152)
