"""The numbers of a real container: what the kernel counts is what is told."""

from __future__ import annotations

import anyio
import pytest

from engine.runtime.cgroups import hierarchies
from engine.runtime.runtime import Runtime
from engine.runtime.stats import Stats, read_stats
from engine.wire.containers import HostConfig
from tests.engine.runtime.harness import MakeLaunch, first_line, started

pytestmark = [pytest.mark.anyio, pytest.mark.root]


async def test_time_memory_and_throttling_are_counted(runtime: Runtime, make_launch: MakeLaunch) -> None:
    limits = HostConfig(memory=64 << 20, pids_limit=50, nano_cpus=30_000_000)
    script = "head -c 3000000 /dev/zero > /file; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo; sleep 100"
    launch = await started(runtime, make_launch("sh", "-c", script, host_config=limits))
    await first_line(launch)
    used = read_stats(launch.cgroup)
    assert used.cpu_total_ns > 50_000_000
    assert used.periods >= used.throttled_periods > 0
    assert used.throttled_ns > 0
    assert used.memory_bytes >= used.memory_details["inactive_file"] >= 2_000_000
    assert (used.memory_limit_bytes, used.pids_limit, used.pids) == (64 << 20, 50, 1)
    assert (used.memory_peak_bytes is not None) == (hierarchies().version == 1)
    if hierarchies().version == 1:
        assert sum(used.cpus_ns) >= used.cpu_total_ns  # read a moment later
        assert used.memory_details["total_inactive_file"] >= 2_000_000
        assert used.memory_details["hierarchical_memory_limit"] == 64 << 20
    await runtime.delete(launch.container_id)


async def test_nothing_is_told_of_a_cgroup_that_is_gone() -> None:
    assert await anyio.to_thread.run_sync(read_stats, "/no-such-cgroup") == Stats()
