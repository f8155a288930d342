"""Every test has an engine of its own, and must leave nothing of it in the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from engine.state.paths import Paths
from tests.engine.network.harness import sweep, traces


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    """An engine's directories; when the test is over, the kernel must have nothing of it."""
    paths = Paths(root=tmp_path / "root", run=tmp_path / "run")
    paths.make()
    yield paths
    left = traces(paths)
    if left:
        anyio.run(sweep, paths)
    assert left == []
