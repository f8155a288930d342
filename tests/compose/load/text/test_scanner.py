"""The two parsers: libyaml where it reads the same as the reference, PyYAML's with the reference's rules elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from compose.errors import InvalidProject
from compose.load.text.yaml import parse

# What libyaml reads in another way, or not at all.
ONLY_OURS = [
    ("{a:}", {"a:": None}),
    ("[a:, b]", ["a:", "b"]),
    ("[1, !!str, 2]", [1, "2"]),
    ("!a,b 1", "1"),
    ("!a[b 1", "1"),
    ('"it\\\'s"', "it's"),
]
BOTH = [
    ("a b # c", "a b"),
    ("a\tb", "a\tb"),
    ("a\n  b\n\n  c", "a b\nc"),
    ("a#b", "a#b"),
    ("[a b, 'c', \"d\\x41\", {e: f}, g: h]", ["a b", "c", "dA", {"e": "f"}, {"g": "h"}]),
    ("[http://x:80/y, -a, a#b]", ["http://x:80/y", "-a", "a#b"]),
    ("|\n  a\n   b\n\n  c\n\n", "a\n b\n\nc\n"),
    ("|+\n  a\n", "a\n\n"),
    (">-\n  a\n  b\n\n  c\n   d\n", "a b\nc\n d"),
    ("|2-\n   a\n", " a"),
    ("|# comment\n  a\n", "a\n"),
    ('"a \\\n    \\ b\n\n  c"', "a  b\nc"),
    ("'it''s'", "it's"),
    ('"\\u00e9\\U0001F600\\e\\_"', "é\U0001f600\x1b\xa0"),
    ("!%41 1", "1"),
    ("!!str &a 1", "1"),
    ("&a !!str 1", "1"),
    ("a\u0085  b", "a b"),
    ("a\u2028  b", "a\u2028b"),
]
REFUSED = [
    "{a: !reset, b: c}",
    "[a?b]",
    "{a?b: c}",
    '"\\/"',
    '"\\ud800"',
    '"\\U00110000"',
    '"\\q"',
    "|0\n  a",
    "|a\n  b",
    "|\n\ta",
    "a\n  b\n\t c: d",
    "@a",
    "%a",
    "!%zz a",
    "!%ff a",
    "!e!x a",
    "!<a b",
    "[a",
    "'a",
    "a: b",
    "- a",
]


@pytest.fixture(params=["libyaml", "pure"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to read a file: with libyaml where it is there, and without."""
    if request.param == "pure":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    return str(request.param)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("text", "value"), [*BOTH, *ONLY_OURS])
def test_a_value_is_read_alike_by_both_parsers(text: str, value: Any) -> None:
    (document,) = parse(f"key: {text}\n", "x")
    assert document.tree == {"key": value}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_value_is_refused_by_both_parsers(text: str) -> None:
    with pytest.raises(InvalidProject):
        parse(f"key: {text}\n", "x")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "trees"),
    [
        ("%YAML 1.1\n---\na: 1\n", [{"a": 1}]),
        ("%TAG ! tag:yaml.org,2002:\n---\na: !str 1\n", [{"a": "1"}]),
        ("# c\n---\na: 1\n...\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a: 1\r\nb: |\r\n  c\r\n", [{"a": 1, "b": "c\n"}]),
        ("? a\n: 1\n? b\n", [{"a": 1, "b": None}]),
        ("a:\n- 1\n-\n  - 2\n", [{"a": [1, [2]]}]),
        ("{a: 1,\n\tb: 2}\n", [{"a": 1, "b": 2}]),
    ],
)
def test_a_stream_is_read_alike_by_both_parsers(text: str, trees: list[Any]) -> None:
    assert [document.tree for document in parse(text, "x")] == trees


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ["%YAML 1.2\n---\na: 1\n", "%FOO x\n---\na: 1\n", "%YAML 1.1\na: 1\n", "a:\n\tb: 1\n"])
def test_a_stream_that_the_reference_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidProject):
        parse(text, "x")
