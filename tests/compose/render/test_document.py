from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from compose.render.document import as_json, as_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text(
    "-?:[]{}#&*!|>'\"%@`,. \n\t09az_~=<+", max_size=12
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
TREES = st.dictionaries(
    TEXT, st.recursive(SCALARS, lambda part: st.lists(part, max_size=4) | st.dictionaries(TEXT, part, max_size=4))
)


def test_yaml_keeps_strings_strings() -> None:
    document = {"a": {"port": "8080", "flag": "yes", "empty": "", "null": None, "list": ["x", {"key": 1}], "no": "n"}}
    assert as_yaml(document) == (
        'a:\n  port: "8080"\n  flag: "yes"\n  empty: ""\n  "null": null\n  list:\n    - x\n    - key: 1\n  "no": "n"\n'
    )


def test_yaml_shows_several_lines_as_such_and_never_folds() -> None:
    assert as_yaml({"a": "one\ntwo\n"}) == "a: |\n  one\n  two\n"
    assert as_yaml({"a": ["one\n\ntwo"]}) == "a:\n  - |-\n    one\n\n    two\n"
    assert as_yaml({"a": "word " * 100 + "end"}).count("\n") == 1


def test_yaml_of_lists_in_lists_and_of_nothing() -> None:
    assert as_yaml({"a": [[1, [2]], [], {}]}) == "a:\n  - - 1\n    - - 2\n  - []\n  - {}\n"
    assert as_yaml({}) == "{}\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("CMD-SHELL", "CMD-SHELL"),
        ("--port=80", "--port=80"),
        ("postgres://db:5432/x#y", "postgres://db:5432/x#y"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("a: b", "'a: b'"),
        ("a #b", "'a #b'"),
        ("it's", "it's"),
        ("'", "''''"),
        ("*", '"*"'),
        ("a:", "'a:'"),
        ("1e3", '"1e3"'),
        ("0o17", '"0o17"'),
        ("22:22", '"22:22"'),
        ("2001-01-01", '"2001-01-01"'),
        ("~", '"~"'),
        ("<<", '"<<"'),
        (" a", "' a'"),
        ("\t", '"\\t"'),
        ("\x7f", '"\\x7f"'),
        ("\u2028", '"\\u2028"'),
        (" \n", '" \\n"'),
    ],
)
def test_a_string_is_quoted_when_a_reader_would_take_it_for_something_else(text: str, written: str) -> None:
    assert as_yaml({"a": text}) == f"a: {written}\n"


@given(TREES)
def test_yaml_reads_as_what_was_written(tree: dict[str, Any]) -> None:
    assert yaml.load(as_yaml(tree), yaml.SafeLoader) == tree


def test_a_very_long_key_stays_readable() -> None:
    tree = {"a": {"k" * 2000: {"b": 1}, "l" * 2000: [2]}}
    assert yaml.load(as_yaml(tree), yaml.SafeLoader) == tree


def test_json_is_indented_and_not_escaped() -> None:
    assert as_json({"a": "ü<"}) == '{\n  "a": "ü<"\n}\n'
