"""Engines of tests that run at the same time do not get each other's kernel objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.state.paths import Paths
from tests.fakes.places import apart


def tags(place: Path) -> set[str]:
    return {Paths(place / root, place).tag for root in ("state", "root")}


def test_every_test_gets_a_directory_of_its_own_digits(tmp_path: Path) -> None:
    places = [apart(tmp_path, "engine") for _ in range(100)]
    assert all(place.is_dir() for place in places)
    assert len(set[str]().union(*map(tags, [tmp_path, *places]))) == 202


def test_test_processes_share_the_digits_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    for worker in range(3):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{worker}")
        found = tags(apart(tmp_path, "engine"))
        assert {int(tag, 16) % 3 for tag in found} == {worker}
