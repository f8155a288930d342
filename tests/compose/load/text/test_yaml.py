from __future__ import annotations

import math
from typing import Any

import pytest

from compose.errors import InvalidProject, Location
from compose.load.text.nodes import MAX_DEPTH
from compose.load.text.scalars import Timestamp, show
from compose.load.text.yaml import parse
from compose.load.tree import Map, Seq


def tree(text: str) -> Any:
    (document,) = parse(text, "compose.yaml")
    return document.tree


def complaints(text: str) -> list[str]:
    with pytest.raises(InvalidProject) as caught:
        parse(text, "compose.yaml")
    return [f"{problem.where}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("80", 80),
        ("+80", 80),
        ("-1", -1),
        ("0755", 493),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("1_000", 1000),
        ("08", 8.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("0b-1", -1),
        ("0o+7", 7),
        (".5_0", 0.5),
        ("._5", "._5"),
        ("18446744073709551615", 18446744073709551615),
        ("-9223372036854775809", -9223372036854775809.0),
        ("0x1p-2", "0x1p-2"),
        ("0001-01-01", Timestamp("0001-01-01T00:00:00Z")),
        ("2001-1-1  1:2:3,5", Timestamp("2001-01-01T01:02:03.5Z")),
        ("2001-01-01T10:20:30.1234567891-00:00", Timestamp("2001-01-01T10:20:30.123456789Z")),
        ("2001-01-01T10:20:30", "2001-01-01T10:20:30"),
        ("! 80", 80),
        ("1e999", "1e999"),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("22:22", "22:22"),
        ("12:30:45", "12:30:45"),
        ("1.2.3", "1.2.3"),
        ("-x", "-x"),
        ("99999999999999999999999", 1e23),
        ("2024-01-31", Timestamp("2024-01-31T00:00:00Z")),
        ("2024-01-31T10:20:30.50+02:00", Timestamp("2024-01-31T10:20:30.5+02:00")),
        ("2024-13-31", "2024-13-31"),
        ('"80"', "80"),
        ("'true'", "true"),
        ("!!str 80", "80"),
        ('!!int "80"', 80),
        ("!!float 1", 1.0),
        ("!custom 80", "80"),
        ("!!binary aGVsbG8=", "hello"),
    ],
)
def test_a_scalar_means_what_it_means_to_compose(text: str, value: object) -> None:
    found = tree(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (0.5, "0.5"),
        (100.0, "100"),
        (999999.0, "999999"),
        (1e6, "1e+06"),
        (-1e6, "-1e+06"),
        (1234567.89, "1.23456789e+06"),
        (20000000.5, "2.00000005e+07"),
        (-9223372036854775809.0, "-9.223372036854776e+18"),
        (-0.0, "-0"),
        (1e21, "1e+21"),
        (1.5e-7, "1.5e-07"),
        (0.0001, "0.0001"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
        (123456789, "123456789"),
        ("as is", "as is"),
    ],
)
def test_a_scalar_is_shown_as_compose_writes_it(value: object, text: str) -> None:
    assert show(value) == text


def test_every_key_and_value_knows_its_place() -> None:
    found = tree("services:\n  web:\n    ports:\n      - 80\n      - {target: 81}\n")
    web = found["services"]["web"]
    assert web.key_at("ports") == Location("compose.yaml", 3, 5)
    assert web.value_at("ports") == Location("compose.yaml", 4, 7)
    assert web["ports"].place(0) == Location("compose.yaml", 4, 9)
    assert web["ports"][1].value_at("target") == Location("compose.yaml", 5, 18)


def test_an_alias_gives_a_copy_of_its_own() -> None:
    found = tree("a: &x {list: [1]}\nb: *x\n")
    found["b"]["list"].append(2)
    assert found["a"] == {"list": [1]}


def test_merge_keys_fill_in_what_is_missing_and_the_first_source_wins() -> None:
    found = tree("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 0\n")
    assert found["z"] == {"a": 0, "b": 1, "c": 2}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert tree('"<<": {a: 1}') == {"<<": {"a": 1}}


def test_several_documents_are_kept_apart() -> None:
    assert [document.tree for document in parse("a: 1\n---\nb: 2\n", "x")] == [{"a": 1}, {"b": 2}]


def test_an_anchor_is_known_in_the_documents_after_its_own() -> None:
    assert [document.tree for document in parse("a: &a {b: 1}\n---\nc: *a\n", "x")] == [
        {"a": {"b": 1}},
        {"c": {"b": 1}},
    ]


def test_a_file_with_only_comments_has_no_document() -> None:
    assert parse("# nothing\n", "x") == []


def test_reset_leaves_the_value_out_and_remembers_its_path() -> None:
    (document,) = parse("services:\n  web:\n    ports: !reset []\n    image: a\n", "x")
    assert (document.tree, document.resets) == ({"services": {"web": {"image": "a"}}}, {("services", "web", "ports")})


def test_override_keeps_the_value_and_remembers_its_path() -> None:
    (document,) = parse("services:\n  web:\n    ports: !override ['80']\n", "x")
    assert (document.tree, document.resets) == (
        {"services": {"web": {"ports": ["80"]}}},
        {("services", "web", "ports")},
    )


@pytest.mark.parametrize(
    ("text", "resets"),
    [
        # An entry that is reset is gone where it stands: who uses its parent by an alias finds nothing to reset.
        ("x-a: &a {p: !reset []}\nweb: {<<: *a}\n", {"x-a.p"}),
        ("x-a: &a !reset []\nweb: {p: *a}\n", {"x-a", "web.p"}),
        ("x-a: &a !override [1]\nweb: {p: *a}\n", {"x-a", "web.p"}),
        ("web: {<<: {p: !reset []}}\n", {"web.p"}),
        ("web: {<<: [{p: !reset []}]}\n", {"web.0.p"}),
        ("<<: {web: {p: !reset []}}\n", {"<<.web.p"}),
        ("x-a: &a !reset {}\nweb: {p: &b {<<: *a}, q: *b}\n", {"x-a", "web.p"}),
        ("web: {p: [1, !reset 2]}\n", {"web.p.1"}),
        # Within `!override` tags mean nothing more.
        ("web: !override {p: !reset []}\n", {"web"}),
    ],
)
def test_resets_are_remembered_where_the_reference_sees_them(text: str, resets: set[str]) -> None:
    (document,) = parse(text, "x")
    assert {".".join(path) for path in document.resets} == resets


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, b: !reset 2, c: 3}", {"a": 1, "c": 3}),
        ("[1, !reset 2, 3]", [1, 3]),
        ("!override {a: !reset x, b: !reset [1]}", {"a": "x", "b": [1]}),
        ("!override 5", "5"),
        ("[&a {b: !reset 1, c: 2}, *a ]", [{"c": 2}, {"c": 2}]),
        # What an alias takes out of its anchor is missing there as well, even within `!override`.
        ("[!override [&a {b: !reset 1, c: 2}], *a ]", [[{"c": 2}], {"c": 2}]),
        ("{<<: !reset {a: 1}, b: 2}", {"b": 2}),
        ("{<<: !override {a: 1}, b: 2}", {"a": 1, "b": 2}),
    ],
)
def test_what_is_reset_is_left_out_and_what_overrides_stays(text: str, value: object) -> None:
    assert tree(f"key: {text}") == {"key": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{1: a, true: b, 1.50: c}", {"1": "a", "true": "b", "1.50": "c"}),
        ("{null: a, b: c}", {"b": "c"}),
    ],
)
def test_keys_that_are_no_strings_become_some_when_they_are_merged(text: str, value: object) -> None:
    assert tree(f"key: {{<<: {text}}}") == {"key": value}


@pytest.mark.parametrize("text", ["a: {<<: *x, y: *x}", "a: {y: {z: *x}, <<: *x}", "a: {<<: *x, y: {<<: *x}}"])
def test_an_anchor_used_inside_of_another_use_of_it_is_taken_for_a_cycle(text: str) -> None:
    assert "stands inside of another `*x`" in complaints(f"x: &x {{k: v}}\n{text}\n")[0]


@pytest.mark.parametrize(
    "text", ["a: {b: *x, c: *x}", "a: [*x, *x]", "a: {<<: *x}\nb: {<<: *x}", "a: {b: {<<: *x}, c: *x}"]
)
def test_an_anchor_may_be_used_side_by_side(text: str) -> None:
    assert "a" in tree(f"x: &x {{k: v}}\n{text}\n")


def test_a_key_that_is_an_alias_counts_by_its_name() -> None:
    assert tree("{&k a: 1, *k : 2}") == {"a": 2}
    assert "key `a` is set twice" in complaints("{x: &a b, *a : 1, a: 2}")[0]


def test_every_duplicate_key_is_reported() -> None:
    assert complaints("a: 1\nb:\n  c: 1\n  c: 2\na: 2\n") == [
        "compose.yaml:4:3: key `c` is set twice",
        "compose.yaml:5:1: key `a` is set twice",
    ]


@pytest.mark.parametrize("key", ["80", "true", "~", "[a]", "1.5"])
def test_a_key_that_is_no_string_is_refused(key: str) -> None:
    (complaint,) = complaints(f"? {key}\n: value\n")
    assert complaint.startswith("compose.yaml:1:3: keys must be strings")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: *nowhere\n", "unknown anchor `nowhere`"),
        ("a: &a [*a]\n", "stands inside of what it stands for"),
        ("a: {<<: 1}\n", "`<<` needs a mapping"),
        ("a: {<<: [[{b: 1}]]}\n", "`<<` needs a mapping"),
        ("a: {<<: &s [*s]}\n", "stands inside of what it stands for"),
        ("a: !!int x\n", "not a value of the type `!!int`"),
        ("a: !!binary '!'\n", "not valid base64"),
        ("[" * (MAX_DEPTH + 2), "nested more than"),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    assert message in complaints(text)[0]


def test_a_small_file_cannot_become_a_huge_one() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "expand to more" in complaints("\n".join(lines))[0]


def test_the_tree_consists_of_located_containers() -> None:
    found = tree("a: [{b: 1}]")
    assert isinstance(found, Map)
    assert isinstance(found["a"], Seq)
    assert isinstance(found["a"][0], Map)
