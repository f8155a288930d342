from __future__ import annotations

from typing import Any

import pytest

from compose.load.forms.nulls import with_nulls

SERVICE: dict[str, Any] = {"ports": [], "command": [], "environment": [], "x-a": [{"b": []}], "build": {"args": []}}


@pytest.mark.parametrize(
    ("is_normalised", "environment", "args"), [(True, None, None), (False, [], [])], ids=["normalised", "as it is"]
)
def test_without_interpolation_empty_lists_are_null_but_for_those_whose_entries_are_unique(
    is_normalised: bool, environment: object, args: object
) -> None:
    document = {"services": {"a": SERVICE}, "networks": {"n": {"labels": [], "ipam": {"config": []}}}}
    assert with_nulls(document, is_interpolated=False, is_normalised=is_normalised) == {
        "services": {
            "a": {
                "ports": [],
                "command": None,
                "environment": environment,
                "x-a": [{"b": None}],
                "build": {"args": args},
            }
        },
        "networks": {"n": {"labels": [], "ipam": {"config": None}}},
    }


def test_with_interpolation_empty_lists_are_null_in_extensions_only() -> None:
    document = {"services": {"a": {"command": []}}, "x-a": {"b": [], "c": {}}}
    assert with_nulls(document, is_interpolated=True, is_normalised=True) == {
        "services": {"a": {"command": []}},
        "x-a": {"b": None, "c": {}},
    }
