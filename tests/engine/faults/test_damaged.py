"""One damaged record costs one container at most, never the engine; what ran with it runs on until it is removed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import EngineError, NoSuchContainer, Unavailable
from engine.state.paths import Paths
from engine.state.store import Store
from tests.engine.containers.conftest import IMAGE, kernel, running

pytestmark = [pytest.mark.root, pytest.mark.net, pytest.mark.anyio]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(root=tmp_path / "state", run=tmp_path / "run")


def damage(paths: Paths, container: str) -> None:
    """Cut a container's record in the middle."""
    with closing(sqlite3.connect(paths.database)) as database, database:
        database.execute(
            "UPDATE records SET body = substr(body, 1, length(body) / 2) WHERE kind = 'container' AND id = ?",
            (container,),
        )


async def test_a_container_whose_record_is_damaged_is_told_of_by_name_and_runs_until_it_is_removed_by_force(
    paths: Paths,
) -> None:
    async with running(paths) as engine:
        async for _ in engine.images.pull(IMAGE):
            continue
        whole = await engine.start("sleep", "1000", name="whole")
        damaged = await engine.start("sleep", "1000", name="damaged")
        pid = engine.containers.inspect(damaged).state.pid
    damage(paths, damaged)
    async with running(paths) as engine:
        assert engine.containers.inspect("whole").state.running
        os.kill(pid, 0)
        with pytest.raises(EngineError, match=f"the record of container {damaged} cannot be read"):
            engine.containers.inspect(damaged[:12])
        with pytest.raises(EngineError, match="cannot be read"):
            await engine.containers.remove(damaged)
        with pytest.raises(NoSuchContainer):
            engine.containers.inspect("nobody")
        await engine.containers.remove(damaged[:12], force=True)
        with pytest.raises(NoSuchContainer):
            engine.containers.inspect(damaged)
        await engine.containers.remove(whole, force=True)
        left = kernel(paths)
        assert (left.mounts, left.processes, left.cgroups, left.namespaces) == ([], [], [], [])
        assert not list(paths.containers.iterdir())


def test_a_damaged_database_is_an_error_that_names_the_file_and_the_way_out(paths: Paths) -> None:
    paths.make()
    paths.database.write_bytes(b"no database at all" * 500)
    with pytest.raises(Unavailable, match=str(paths.database)) as refused:
        Store.open(paths.database)
    assert "move it away" in str(refused.value)
