from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.wire.filters import filter_flag, format_filters, matches_labels, matches_text, parse_filters


@pytest.mark.parametrize("text", ['{"label":["a=b","c"]}', '{"label":{"a=b":true,"c":true}}'])
def test_both_encodings_mean_the_same(text: str) -> None:
    assert parse_filters(text) == {"label": ("a=b", "c")}


def test_no_filters_at_all_filter_nothing() -> None:
    assert parse_filters("") == {}


@pytest.mark.parametrize("text", ["{", "[]", '"label"', '{"label":"a"}', '{"label":[1]}', "[" * 100_000])
def test_what_is_not_a_filter_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="invalid filter"):
        parse_filters(text)


def test_a_filter_that_the_endpoint_does_not_know_is_named() -> None:
    with pytest.raises(BadRequest, match="invalid filter 'colour'"):
        parse_filters('{"colour":["red"]}', {"label"})


def test_formatted_filters_are_read_again() -> None:
    filters = {"label": ("a=b",), "status": ("running", "exited")}
    assert parse_filters(format_filters(filters)) == filters


@pytest.mark.parametrize(
    ("wanted", "is_match"),
    [((), True), (("a",), True), (("a=1",), True), (("a=2",), False), (("b",), False), (("a=1", "b"), False)],
)
def test_a_label_is_wanted_by_its_key_or_with_its_value(wanted: tuple[str, ...], *, is_match: bool) -> None:
    assert matches_labels({"a": "1"}, wanted) is is_match


@pytest.mark.parametrize(
    ("wanted", "is_match"),
    [((), True), (("web",), True), (("^app_web$",), True), (("db", "x"), False), (("(",), False)],
)
def test_a_name_is_wanted_by_a_part_or_a_pattern(wanted: tuple[str, ...], *, is_match: bool) -> None:
    assert matches_text("app_web", wanted) is is_match


@pytest.mark.parametrize(("value", "meaning"), [("true", True), ("1", True), ("0", False), ("False", False)])
def test_a_flag_has_dockers_spellings(value: str, *, meaning: bool) -> None:
    assert filter_flag({"dangling": (value,)}, "dangling") is meaning


def test_a_flag_that_says_both_or_neither_is_refused() -> None:
    assert filter_flag({}, "dangling") is None
    with pytest.raises(BadRequest):
        filter_flag({"dangling": ("true", "false")}, "dangling")
    with pytest.raises(BadRequest):
        filter_flag({"dangling": ("perhaps",)}, "dangling")
