"""What is different between two configurations."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from compose.model.paths import path_name
from compose.plan.changes import Change, changes, packed, unpacked
from compose.plan.hashing import encoded

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def told(before: object, after: object) -> list[str]:
    return [f"{item.name}: {item.before} -> {item.after}" for item in changes(before, after)]


def test_mappings_are_compared_entry_by_entry() -> None:
    before = {"image": "a", "environment": {"LOG": "info", "OLD": "1"}}
    after = {"image": "a", "environment": {"LOG": "debug", "NEW.ONE": "2"}}
    assert told(before, after) == [
        "environment.LOG: info -> debug",
        "environment.OLD: 1 -> UNSET",
        'environment["NEW.ONE"]: UNSET -> 2',
    ]


def test_lists_of_structures_are_compared_item_by_item_others_as_a_whole() -> None:
    before = {"ports": [{"target": 80, "published": "1"}], "command": ["a", "b"]}
    after = {"ports": [{"target": 80, "published": "2"}, {"target": 90}], "command": ["a"]}
    assert told(before, after) == [
        "ports[0].published: 1 -> 2",
        "ports[1]: UNSET -> {'target': 90}",
        "command: ['a', 'b'] -> ['a']",
    ]


def test_true_and_one_are_different_values() -> None:
    assert list(changes({"a": True}, {"a": 1})) == [Change(("a",), True, 1)]


def test_a_path_is_written_as_people_do() -> None:
    assert path_name(("services", "web", "ports", 0, "a.b", "")) == 'services.web.ports[0]["a.b"][""]'


@given(JSON, JSON)
def test_there_are_changes_where_there_is_a_difference_and_nowhere_else(before: object, after: object) -> None:
    found = list(changes({"value": before}, {"value": after}))
    assert all(item.before != item.after or type(item.before) is not type(item.after) for item in found)
    assert list(changes({"value": before}, {"value": before})) == []
    if before != after:
        assert found


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_packed_configuration_comes_back(document: dict[str, object]) -> None:
    found = unpacked(packed(encoded(document)))
    assert found is not None
    assert set(found) == set(document)


@pytest.mark.parametrize(
    "label",
    [
        "",
        "not base64!",
        base64.b64encode(b"not zlib").decode(),
        packed(b"not json"),
        packed(b"[1]"),
        base64.b64encode(zlib.compress(b'{"a":"' + b"a" * 5_000_000 + b'"}')).decode(),
    ],
)
def test_a_label_that_is_not_ours_is_no_configuration(label: str) -> None:
    assert unpacked(label) is None


def test_nothing_there_is_not_null() -> None:
    assert list(changes({"a": None}, {})) == [Change(("a",), None, UNSET)]
