"""What the engine says of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.api.identity import Identity
from engine.api.machine import CgroupFacts, Machine
from engine.api.system import System
from engine.state.paths import Paths
from engine.wire.containers import ContainerCreateRequest
from engine.wire.system import API_VERSION
from tests.fakes.services import FakeEngine, fake_engine

pytestmark = pytest.mark.anyio


def system_of(engine: FakeEngine, directory: Path, cgroupns_mode: str = "") -> System:
    paths = Paths(root=directory / "state", run=directory / "run")
    paths.make()
    told = Identity(version="1.2.3", engine_id="e-1", labels=("rack=7",), cgroupns_mode=cgroupns_mode)
    return System(paths=paths, containers=engine.containers, images=engine.images, events=engine.events, identity=told)


async def test_info_counts_containers_by_their_state(tmp_path: Path) -> None:
    engine = fake_engine()
    engine.containers.script = []
    for name in ("one", "two", "three", "four"):
        await engine.containers.create(name, ContainerCreateRequest(image="busybox"))
    await engine.containers.start("one")
    await engine.containers.start("two")
    await engine.containers.pause("two")
    info = await system_of(engine, tmp_path).info()
    counts = (info.containers, info.containers_running, info.containers_paused, info.containers_stopped)
    assert counts == (4, 1, 1, 2)
    assert info.images == 1


async def test_info_describes_the_machine_it_runs_on(tmp_path: Path) -> None:
    info = await system_of(fake_engine(), tmp_path).info()
    assert info.kernel_version == os.uname().release
    assert info.cgroup_version in ("1", "2")
    assert info.n_cpu == len(os.sched_getaffinity(0))
    assert info.mem_total > 0
    assert info.operating_system
    assert info.docker_root_dir == str(tmp_path / "state")
    assert info.driver_status[0][1] != "unknown"
    assert info.warnings == []


@pytest.mark.parametrize("mode", ["", "private", "host"])
async def test_cgroups_of_their_own_are_told_where_containers_get_them_unasked(tmp_path: Path, mode: str) -> None:
    info = await system_of(fake_engine(), tmp_path, mode).info()
    is_private = mode == "private" if mode else info.cgroup_version == "2"
    assert ("name=cgroupns" in info.security_options) == is_private


def test_limits_that_the_kernel_lacks_are_told_by_the_names_of_their_version() -> None:
    controllers = frozenset({"memory", "cpu", "cpuset", "pids"})
    told = {}
    for version in ("1", "2"):
        cgroups = CgroupFacts(version, controllers, has_swap=True, has_kernel_tcp=False, has_block_rates=False)
        told[version] = Machine(
            cgroups=cgroups, forwards_ipv4=True, system_name="", system_version="", filesystem="extfs"
        ).warnings()
    assert told["1"][:2] == [
        "WARNING: No blkio throttle.read_bps_device support",
        "WARNING: No blkio throttle.write_bps_device support",
    ]
    assert told["2"] == [f"WARNING: No io.max ({what}) support" for what in ("rbps", "wbps", "riops", "wiops")]


async def test_version_names_the_engine_and_its_parts(tmp_path: Path) -> None:
    version = await system_of(fake_engine(), tmp_path).version()
    assert [part.name for part in version.components] == ["Engine", "crun", "conmon"]
    engine, *parts = version.components
    assert (engine.version, engine.details["ApiVersion"], version.api_version) == ("1.2.3", API_VERSION, API_VERSION)
    assert all(part.version for part in parts)


async def test_disk_usage_has_what_docker_system_df_shows(tmp_path: Path) -> None:
    layers_bytes, images = await system_of(fake_engine(), tmp_path).images_usage()
    assert layers_bytes == 1234
    assert len(images) == 1
