"""Fixtures of the loader's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.directory import Directory


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """An empty project directory."""
    return Directory(tmp_path)
