"""Containers that come and go leave nothing: no memory, no descriptors, nothing in the kernel, no files.

An ordinary run makes 50 of them after a warm-up; `PYCOMPOSE_CYCLES=1000` in the environment says another number.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Final

import pytest

from engine.state.paths import Paths
from engine.wire.containers import HostConfig, PortBinding
from tests.e2e.kernel import kernel_state
from tests.engine.containers.conftest import IMAGE, Engine, running

pytestmark = [pytest.mark.root, pytest.mark.net, pytest.mark.anyio]

_CYCLES: Final = int(os.environ.get("PYCOMPOSE_CYCLES", "50"))
_WARM_UP: Final = 20
# What the allocator may keep for itself; a container's record alone is 10 KB, so 1,000 forgotten ones would show.
_SLACK_BYTES: Final = 4 << 20


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def cycle(engine: Engine) -> None:
    host = HostConfig(port_bindings={"80/tcp": [PortBinding(host_ip="127.0.0.1", host_port="")]})
    container = await engine.start("true", host=host, volumes={"/data": {}}, exposed_ports={"80/tcp": {}})
    await engine.containers.wait(container)
    await engine.containers.remove(container, volumes=True)


async def test_containers_that_come_and_go_leave_everything_as_it_was(tmp_path: Path) -> None:
    async with running(Paths(root=tmp_path / "state", run=tmp_path / "run")) as engine:
        async for _ in engine.images.pull(IMAGE):
            continue
        for _ in range(_WARM_UP):
            await cycle(engine)
        memory = resident_bytes()  # first, for it also ends what earlier tests of this process have forgotten
        kernel, open_before = kernel_state(engine.paths), descriptors()
        for _ in range(_CYCLES):
            engine.seen.clear()  # the test's own memory of events
            await cycle(engine)
        grown = resident_bytes() - memory
        print(f"{_CYCLES} cycles: {grown / 1024:+.0f} KiB, {descriptors() - open_before:+d} descriptors")  # noqa: T201
        assert kernel_state(engine.paths) == kernel
        assert descriptors() == open_before
        assert grown < _SLACK_BYTES
