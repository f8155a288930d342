"""Where engines are killed."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from engine.state.paths import Paths
from tests.e2e.kernel import remove_everything
from tests.engine.faults.sites import Site, furnish
from tests.fakes.places import apart


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    base = apart(tmp_path_factory.getbasetemp(), "killed")
    paths = Paths(root=base / "state", run=base / "run")
    try:
        yield anyio.run(furnish, paths)
    finally:
        remove_everything(paths)
