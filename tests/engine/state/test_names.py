"""Records are found by id, by name, and by an unambiguous prefix of the id."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from engine.errors import BadRequest
from engine.state.names import find, new_id


@dataclass(frozen=True)
class Thing:
    id: str
    name: str


THINGS = [Thing("abc1", "web"), Thing("abd2", "db"), Thing("ff00", "abc")]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("abc1", "web"), ("db", "db"), ("ff", "abc"), ("abd", "db"), ("nothing", None), ("", None)],
)
def test_id_then_name_then_prefix(wanted: str, found: str | None) -> None:
    thing = find(THINGS, wanted)
    assert (thing.name if thing else None) == found


def test_a_name_wins_over_a_prefix() -> None:
    thing = find(THINGS, "abc")
    assert thing is not None
    assert thing.id == "ff00"


def test_an_ambiguous_prefix_is_refused() -> None:
    with pytest.raises(BadRequest, match="multiple IDs"):
        find(THINGS, "ab")


def test_a_new_id_has_64_hexadecimal_digits() -> None:
    assert len(new_id()) == 64
    int(new_id(), 16)
