"""An engine that dies while it makes a checkpoint, or goes on from one: no process is lost that is not in a checkpoint.

Only where CRIU works, with runc in PATH or where PYCOMPOSE_TEST_RUNC says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from engine.containers.checkpoints.taking import Wish
from engine.containers.life.lifecycle import Status
from engine.process import find_tool
from engine.wire.containers import HostConfig, PortBinding
from tests.engine.containers.conftest import Engine
from tests.engine.faults.sites import Case, Site, die_at_every, one_of
from tests.fakes.checkpoints import RUNC, why_not

pytestmark = [pytest.mark.root, pytest.mark.net]

# A step takes seconds here.
_STRIDE: Final = 17


@pytest.fixture
def _runc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if why := why_not():
        pytest.skip(f"no checkpoints on this machine: {why}")
    monkeypatch.setenv("PATH", f"{Path(RUNC).parent}:{os.environ['PATH']}")
    yield
    find_tool.cache_clear()


async def begin(engine: Engine) -> None:
    host = HostConfig(
        runtime="runc",
        network_mode="back",
        port_bindings={"80/tcp": [PortBinding(host_ip="127.0.0.1", host_port="")]},
    )
    await engine.start("sleep", "1000", name="web", host=host)


async def checkpoint(engine: Engine) -> None:
    await engine.containers.checkpoint("web", Wish("cp1"))


async def checkpoint_of_one_that_goes_on(engine: Engine) -> None:
    await engine.containers.checkpoint("web", Wish("cp1", exits=False))


async def begin_and_checkpoint(engine: Engine) -> None:
    await begin(engine)
    await checkpoint(engine)


async def restore(engine: Engine) -> None:
    await engine.containers.start("web", checkpoint="cp1")


async def is_kept(engine: Engine) -> None:
    """What does not run any more is in a checkpoint, and nothing is half made."""
    shown = engine.containers.inspect("web")
    names = await engine.containers.checkpoints("web", "")
    assert names or shown.state.status == Status.RUNNING
    root = engine.paths.containers / shown.id / "checkpoints"
    assert sorted(path.name for path in root.iterdir()) == names if root.exists() else not names


CASES: Final = [
    Case(checkpoint, begin, one_of(Status.RUNNING, Status.EXITED), is_kept),
    Case(checkpoint_of_one_that_goes_on, begin, one_of(Status.RUNNING), is_kept),
    Case(restore, begin_and_checkpoint, one_of(Status.RUNNING, Status.EXITED), is_kept),
]


@pytest.mark.usefixtures("_runc")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.act.__name__)
def test_whenever_an_engine_is_killed_no_process_is_lost(site: Site, case: Case) -> None:
    die_at_every(_STRIDE, site, case)
