"""What containers may use of memory, processors and descriptors."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.kernel.mounts import MS_BIND, mount, unmount
from engine.runtime import cgroups
from engine.runtime.runtime import Runtime
from engine.runtime.stats import read_stats
from engine.state.paths import Paths
from engine.wire.containers import HostConfig, Ulimit
from tests.engine.runtime.harness import (
    MakeLaunch,
    output,
    run_to_end,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.root]


async def test_memory_is_limited_and_the_kill_is_known(runtime: Runtime, make_launch: MakeLaunch) -> None:
    script = "x=a; while true; do x=$x$x; done"
    status = await run_to_end(runtime, make_launch("sh", "-c", script, host_config=HostConfig(memory=16 << 20)))
    assert (status.exit_code, status.oom_killed) == (137, True)


async def test_limits_reach_the_cgroup_and_change_while_it_runs(runtime: Runtime, make_launch: MakeLaunch) -> None:
    limits = HostConfig(memory=64 << 20, pids_limit=50, nano_cpus=500_000_000, cpu_shares=512)
    launch = await started(runtime, make_launch("sleep", "100", host_config=limits))
    stats = read_stats(launch.cgroup)
    assert (stats.memory_limit_bytes, stats.pids_limit, stats.pids) == (64 << 20, 50, 1)
    assert stats.memory_bytes > 0
    await runtime.update(launch.container_id, HostConfig(memory=128 << 20, pids_limit=60))
    stats = read_stats(launch.cgroup)
    assert (stats.memory_limit_bytes, stats.pids_limit) == (128 << 20, 60)
    await runtime.delete(launch.container_id)


async def test_a_quota_of_processor_time_goes_with_a_negative_one(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100", host_config=HostConfig(cpu_quota=-1, memory_swap=-5)))
    assert _quota(launch.cgroup) == "-1"
    await runtime.update(launch.container_id, HostConfig(cpu_quota=50_000))
    assert _quota(launch.cgroup) == "50000"
    await runtime.update(launch.container_id, HostConfig(cpu_quota=-1))
    assert _quota(launch.cgroup) == "-1"
    await runtime.delete(launch.container_id)


def _quota(cgroup: str) -> str:
    path = cgroups.directory(cgroup, "cpu")
    assert path
    if cgroups.hierarchies().version == 2:
        return (path / "cpu.max").read_text().split()[0].replace("max", "-1")
    return (path / "cpu.cfs_quota_us").read_text().strip()


async def test_nothing_is_made_where_the_mounted_trees_of_cgroups_hide_it(
    runtime: Runtime, make_launch: MakeLaunch, paths: Paths, tmp_path: Path
) -> None:
    beneath = tmp_path / "beneath"
    beneath.mkdir()
    mount("/sys/fs/cgroup", beneath, flags=MS_BIND)
    try:
        before = _entries(beneath, paths.cgroup)
        await run_to_end(runtime, make_launch("true"))
        assert _entries(beneath, paths.cgroup) == before
    finally:
        unmount(beneath)


def _entries(place: Path, cgroup: str) -> list[Path]:
    # Whoever else had such a name on this machine may have left something there.
    name = cgroup.lstrip("/")
    return sorted([*place.glob(f"*/{name}"), *place.glob(f"*/{name}/*")])


async def test_a_lowered_limit_on_open_files_is_the_programs(runtime: Runtime, make_launch: MakeLaunch) -> None:
    wish = HostConfig(ulimits=[Ulimit(name="nofile", soft=100, hard=200)])
    launch = make_launch("sh", "-c", "ulimit -n; ulimit -Hn", host_config=wish)
    await run_to_end(runtime, launch)
    assert (await output(launch)).split() == ["100", "200"]
