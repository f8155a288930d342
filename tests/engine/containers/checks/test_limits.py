"""Limits: what Docker refuses, what it gives up with a warning, what it lets pass."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.containers.making.checks.limits import settle_limits
from engine.errors import BadRequest
from engine.runtime.facts import HostFacts
from engine.wire.containers import HostConfig, ThrottleDevice, WeightDevice

MEGABYTE = 1 << 20
LEGACY = HostFacts(
    cgroup_version=1,
    controllers=frozenset({"memory", "cpu", "cpuset", "pids", "blkio"}),
    cgroup_files=frozenset(
        {
            "memory.memsw.limit_in_bytes", "memory.swappiness", "memory.oom_control", "blkio.weight",
            "blkio.throttle.read_bps_device",
        }
    ),
    cpu_count=2,
    cpus="0-1",
)  # fmt: skip
UNIFIED = replace(LEGACY, cgroup_version=2, cgroup_files=frozenset({"io.weight", "io.max"}))
BARE = replace(LEGACY, controllers=frozenset(), cgroup_files=frozenset())
DEVICE = ThrottleDevice(path="/dev/vda", rate=1)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (HostConfig(memory=5 * MEGABYTE), "Minimum memory limit allowed is 6MB"),
        (HostConfig(memory=-1), "Minimum memory limit allowed is 6MB"),
        (HostConfig(memory=20 * MEGABYTE, memory_swap=10 * MEGABYTE), "Minimum memoryswap limit should be larger"),
        (HostConfig(memory_swap=10 * MEGABYTE), "You should always set the Memory limit when using Memoryswap"),
        (HostConfig(memory_swappiness=101), "Invalid value: 101, valid memory swappiness range is 0-100"),
        (HostConfig(memory_swappiness=-2), "Invalid value: -2, valid memory swappiness range is 0-100"),
        (HostConfig(memory_reservation=9), "Minimum memory reservation allowed is 6MB"),
        (
            HostConfig(memory=20 * MEGABYTE, memory_reservation=30 * MEGABYTE),
            "Minimum memory limit can not be less than memory reservation limit",
        ),
        (HostConfig(nano_cpus=10**9, cpu_period=50_000), "Nano CPUs and CPU Period cannot both be set"),
        (HostConfig(nano_cpus=10**9, cpu_quota=50_000), "Nano CPUs and CPU Quota cannot both be set"),
        (HostConfig(nano_cpus=3 * 10**9), "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        (HostConfig(nano_cpus=-1), "range of CPUs is from 0.01 to 2.00"),
        (HostConfig(cpu_shares=-1), r"invalid CPU shares \(-1\): value must be a positive integer"),
        (HostConfig(cpu_period=10), "CPU cfs period can not be less than 1ms"),
        (HostConfig(cpu_period=2_000_000), "or larger than 1s"),
        (HostConfig(cpu_quota=10), "CPU cfs quota can not be less than 1ms"),
        (HostConfig(cpu_realtime_period=1, cpu_realtime_runtime=2), "cpu real-time runtime cannot be higher"),
        (HostConfig(cpuset_cpus="0-7"), "Requested CPUs are not available - requested 0-7, available: 0-1"),
        (HostConfig(cpuset_cpus="a"), "Invalid value a for cpuset cpus: invalid format: a"),
        (HostConfig(cpuset_cpus="0-"), "Invalid value 0- for cpuset cpus: invalid format: 0-"),
        (HostConfig(cpuset_cpus="1-0"), "invalid format: 1-0"),
        (HostConfig(cpuset_cpus="70000-80000"), "Requested CPUs are not available"),
        (HostConfig(cpuset_cpus="0-4000000000"), "Requested CPUs are not available"),
        (HostConfig(cpuset_mems="3"), "Requested memory nodes are not available - requested 3, available: 0"),
        (HostConfig(blkio_weight=5), "Range of blkio weight is from 10 to 1000"),
        (HostConfig(io_maximum_bandwidth=5), "QoS maximum bandwidth configuration is not supported on linux"),
        (HostConfig(io_maximum_iops=5), "QoS maximum IOPs configuration is not supported on linux"),
    ],
)
def test_impossible_limits_are_refused_in_dockers_words(host: HostConfig, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        settle_limits(host, LEGACY)


@pytest.mark.parametrize(
    ("host", "settled", "words"),
    [
        (HostConfig(memory=9 * MEGABYTE), HostConfig(memory_swap=-1), "memory limit capabilities"),
        (HostConfig(memory_reservation=9 * MEGABYTE), HostConfig(), "memory soft limit capabilities"),
        (HostConfig(memory_swappiness=5), HostConfig(), "memory swappiness capabilities"),
        (HostConfig(kernel_memory_tcp=5), HostConfig(), "kernel memory TCP limit"),
        (HostConfig(oom_kill_disable=True), HostConfig(), "OomKillDisable discarded"),
        (HostConfig(pids_limit=5), HostConfig(), "PIDs limit discarded"),
        (HostConfig(cpu_shares=5), HostConfig(), "Shares discarded"),
        (HostConfig(cpu_period=5000, cpu_quota=5000), HostConfig(), "CPU period/quota discarded"),
        (HostConfig(cpuset_cpus="0"), HostConfig(), "Cpuset discarded"),
        (HostConfig(blkio_weight=500), HostConfig(), "Weight discarded"),
        (
            HostConfig(blkio_weight_device=[WeightDevice(path="/dev/vda", weight=9)]),
            HostConfig(),
            "Weight-device discarded",
        ),
        (HostConfig(blkio_device_read_bps=[DEVICE]), HostConfig(), "Block I/O BPS read limit discarded"),
        (HostConfig(blkio_device_write_iops=[DEVICE]), HostConfig(), "Block I/O IOPS write limit discarded"),
        (HostConfig(cpu_percent=5), HostConfig(), "linux does not support CPU percent"),
    ],
)
def test_what_the_kernel_cannot_limit_is_given_up_with_a_warning(
    host: HostConfig, settled: HostConfig, words: str
) -> None:
    found = settle_limits(host, BARE)
    assert found.host == settled
    (warning,) = found.warnings
    assert words in warning


def test_part_of_a_processor_is_refused_where_the_kernel_cannot_give_it() -> None:
    with pytest.raises(BadRequest, match="NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler"):
        settle_limits(HostConfig(nano_cpus=500_000_000), BARE)


def test_swap_is_left_alone_where_the_kernel_does_not_count_it() -> None:
    without = replace(LEGACY, cgroup_files=frozenset())
    found = settle_limits(HostConfig(memory=9 * MEGABYTE), without)
    assert found.host.memory_swap == -1
    assert found.warnings[0].endswith("Memory limited without swap.")
    assert not settle_limits(HostConfig(memory=9 * MEGABYTE), UNIFIED).warnings


@pytest.mark.parametrize("host", [HostConfig(memory_swappiness=5), HostConfig(oom_kill_disable=True)])
def test_version_2_has_neither_swappiness_nor_a_switch_for_the_oom_killer(host: HostConfig) -> None:
    assert settle_limits(host, UNIFIED).warnings
    assert settle_limits(host, UNIFIED).host == HostConfig()


def test_disabling_the_oom_killer_without_a_limit_is_warned_of() -> None:
    assert settle_limits(HostConfig(oom_kill_disable=True), LEGACY).warnings
    assert not settle_limits(HostConfig(oom_kill_disable=True, memory=9 * MEGABYTE), LEGACY).warnings


@pytest.mark.parametrize("limit", [0, -1, -5])
def test_no_limit_of_processes_is_nothing_to_set_but_takes_an_old_one_away(limit: int) -> None:
    assert settle_limits(HostConfig(pids_limit=limit), LEGACY).host.pids_limit is None
    assert settle_limits(HostConfig(pids_limit=limit), LEGACY, is_update=True).host.pids_limit == 0


def test_a_default_of_minus_one_for_swappiness_is_none() -> None:
    assert settle_limits(HostConfig(memory_swappiness=-1), LEGACY).host == HostConfig()
