"""Limits of a container, at its creation and when they are changed: Docker's rules, refusals and warnings. Pure.

What this kernel cannot limit is given up with a warning, because a container runs without it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.errors import BadRequest
from engine.runtime.facts import HostFacts
from engine.wire.containers import HostConfig

_LEAST_MEMORY_BYTES: Final = 6 << 20
_LEAST_CPU_MICROSECONDS: Final = 1_000
_MOST_CPU_MICROSECONDS: Final = 1_000_000
_RANGE: Final = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")
_NANO: Final = 1_000_000_000
_NO_KERNEL: Final = "Your kernel does not support"
_NO_CGROUP: Final = "or the cgroup is not mounted."


class Settled(Struct, frozen=True):
    """The limits that will hold, and what the client is told about the others."""

    host: HostConfig
    warnings: tuple[str, ...] = ()


class _Support(Struct, frozen=True):
    """A wish that needs something of the kernel; `otherwise` are the fields' values where that is missing."""

    is_asked: bool
    is_there: bool
    otherwise: dict[str, Any]
    words: str


def settle_limits(host: HostConfig, facts: HostFacts, *, is_update: bool = False) -> Settled:
    """The limits as this machine can keep them. Raises `BadRequest` in Docker's words."""
    if host.memory_swappiness == -1:
        host = msgspec.structs.replace(host, memory_swappiness=None)
    if host.pids_limit is not None and host.pids_limit <= 0:
        # 0 and below are "unlimited": nothing to set, but for a container that has a limit already.
        host = msgspec.structs.replace(host, pids_limit=0 if is_update else None)
    warnings = []
    for support in _supports(host, facts):
        if support.is_asked and not support.is_there:
            host = msgspec.structs.replace(host, **support.otherwise)
            warnings.append(support.words)
    _check_memory(host, is_update=is_update)
    _check_cpu(host, facts)
    _check_block_io(host)
    if host.oom_kill_disable and not host.memory:
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        )
    return Settled(host, tuple(warnings))


def _supports(host: HostConfig, facts: HostFacts) -> Iterator[_Support]:
    yield from _memory_supports(host, facts)
    has_cpu, has_cpuset = "cpu" in facts.controllers, "cpuset" in facts.controllers
    yield _Support(
        (host.pids_limit or 0) > 0,
        "pids" in facts.controllers,
        {"pids_limit": None},
        f"{_NO_KERNEL} PIDs limit capabilities {_NO_CGROUP} PIDs limit discarded.",
    )
    yield _Support(
        host.cpu_shares > 0, has_cpu, {"cpu_shares": 0}, f"{_NO_KERNEL} CPU shares {_NO_CGROUP} Shares discarded."
    )
    yield _Support(
        bool(host.cpu_period or host.cpu_quota),
        has_cpu,
        {"cpu_period": 0, "cpu_quota": 0},
        f"{_NO_KERNEL} CPU CFS scheduler. CPU period/quota discarded.",
    )
    yield _Support(
        host.cpu_percent > 0, False, {"cpu_percent": 0}, "linux does not support CPU percent. Percent discarded."
    )
    yield _Support(
        bool(host.cpuset_cpus or host.cpuset_mems),
        has_cpuset,
        {"cpuset_cpus": "", "cpuset_mems": ""},
        f"{_NO_KERNEL} cpuset {_NO_CGROUP} Cpuset discarded.",
    )
    yield from _block_io_supports(host, facts)


def _memory_supports(host: HostConfig, facts: HostFacts) -> Iterator[_Support]:
    has_memory, is_first = "memory" in facts.controllers, facts.cgroup_version == 1
    yield _Support(
        host.memory > 0,
        has_memory,
        {"memory": 0, "memory_swap": -1},
        f"{_NO_KERNEL} memory limit capabilities {_NO_CGROUP} Limitation discarded.",
    )
    yield _Support(
        has_memory and host.memory > 0 and host.memory_swap != -1,
        not is_first or "memory.memsw.limit_in_bytes" in facts.cgroup_files,
        {"memory_swap": -1},
        f"{_NO_KERNEL} swap limit capabilities {_NO_CGROUP} Memory limited without swap.",
    )
    yield _Support(
        host.memory_swappiness is not None,
        is_first and "memory.swappiness" in facts.cgroup_files,
        {"memory_swappiness": None},
        f"{_NO_KERNEL} memory swappiness capabilities {_NO_CGROUP} Memory swappiness discarded.",
    )
    yield _Support(
        host.memory_reservation > 0,
        has_memory,
        {"memory_reservation": 0},
        f"{_NO_KERNEL} memory soft limit capabilities {_NO_CGROUP} Limitation discarded.",
    )
    yield _Support(
        host.kernel_memory_tcp > 0,
        is_first and has_memory,
        {"kernel_memory_tcp": 0},
        f"{_NO_KERNEL} kernel memory TCP limit capabilities {_NO_CGROUP} Limitation discarded.",
    )
    yield _Support(
        bool(host.oom_kill_disable),
        is_first and "memory.oom_control" in facts.cgroup_files,
        {"oom_kill_disable": None},
        f"{_NO_KERNEL} OomKillDisable. OomKillDisable discarded.",
    )


def _block_io_supports(host: HostConfig, facts: HostFacts) -> Iterator[_Support]:
    is_first = facts.cgroup_version == 1
    weights = {"blkio.weight", "blkio.bfq.weight"} if is_first else {"io.weight", "io.bfq.weight"}
    has_weight = bool(weights & facts.cgroup_files)
    has_rates = ("blkio.throttle.read_bps_device" if is_first else "io.max") in facts.cgroup_files
    yield _Support(
        host.blkio_weight > 0,
        has_weight,
        {"blkio_weight": 0},
        f"{_NO_KERNEL} Block I/O weight {_NO_CGROUP} Weight discarded.",
    )
    yield _Support(
        bool(host.blkio_weight_device),
        has_weight,
        {"blkio_weight_device": []},
        f"{_NO_KERNEL} Block I/O weight_device {_NO_CGROUP} Weight-device discarded.",
    )
    for name, limit, kind in (
        ("blkio_device_read_bps", "BPS Block I/O read limit", "Block I/O BPS read"),
        ("blkio_device_write_bps", "BPS Block I/O write limit", "Block I/O BPS write"),
        ("blkio_device_read_iops", "IOPS Block read limit", "Block I/O IOPS read"),
        ("blkio_device_write_iops", "IOPS Block write limit", "Block I/O IOPS write"),
    ):
        words = f"{_NO_KERNEL} {limit} {_NO_CGROUP} {kind} limit discarded."
        yield _Support(bool(getattr(host, name)), has_rates, {name: []}, words)


def _check_memory(host: HostConfig, *, is_update: bool) -> None:
    if host.memory and host.memory < _LEAST_MEMORY_BYTES:
        raise BadRequest("Minimum memory limit allowed is 6MB")
    if host.memory > 0 and 0 < host.memory_swap < host.memory:
        raise BadRequest("Minimum memoryswap limit should be larger than memory limit, see usage")
    if host.memory_swap > 0 and not host.memory and not is_update:
        raise BadRequest("You should always set the Memory limit when using Memoryswap limit, see usage")
    swappiness = host.memory_swappiness
    if swappiness is not None and not 0 <= swappiness <= 100:
        raise BadRequest(f"Invalid value: {swappiness}, valid memory swappiness range is 0-100")
    if 0 < host.memory_reservation < _LEAST_MEMORY_BYTES:
        raise BadRequest("Minimum memory reservation allowed is 6MB")
    if 0 < host.memory < host.memory_reservation:
        raise BadRequest("Minimum memory limit can not be less than memory reservation limit, see usage")


def _check_cpu(host: HostConfig, facts: HostFacts) -> None:
    if host.nano_cpus > 0:
        for name, value in (("CPU Period", host.cpu_period), ("CPU Quota", host.cpu_quota)):
            if value > 0:
                raise BadRequest(f"Conflicting options: Nano CPUs and {name} cannot both be set")
    if host.nano_cpus > 0 and "cpu" not in facts.controllers:
        # Not given up like the others: whoever asks for part of a processor does so by this alone.
        raise BadRequest(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted"
        )
    count = facts.cpu_count
    if not 0 <= host.nano_cpus <= count * _NANO:
        raise BadRequest(f"range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available")
    if host.cpu_shares < 0:
        raise BadRequest(f"invalid CPU shares ({host.cpu_shares}): value must be a positive integer")
    if host.cpu_period and not _LEAST_CPU_MICROSECONDS <= host.cpu_period <= _MOST_CPU_MICROSECONDS:
        raise BadRequest("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < host.cpu_quota < _LEAST_CPU_MICROSECONDS:
        raise BadRequest("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if host.cpu_realtime_period and host.cpu_realtime_runtime > host.cpu_realtime_period:
        raise BadRequest("cpu real-time runtime cannot be higher than cpu real-time period")
    _check_set(host.cpuset_cpus, facts.cpus, "CPUs", "cpuset cpus")
    _check_set(host.cpuset_mems, facts.memory_nodes, "memory nodes", "cpuset mems")


def _check_set(wanted: str, available: str, things: str, name: str) -> None:
    try:
        is_there = _numbers(wanted) <= _numbers(available)
    except ValueError as exc:
        raise BadRequest(f"Invalid value {wanted} for {name}: invalid format: {exc}") from exc
    if not is_there:
        raise BadRequest(f"Requested {things} are not available - requested {wanted}, available: {available}")


def _numbers(text: str) -> set[int]:
    """The numbers of a list as the kernel reads it (cpuset(7), List format). Raises `ValueError` with the bad part."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        match = _RANGE.fullmatch(part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise ValueError(part)
        # Beyond any machine's numbers; as it stands it could be a range of billions.
        first, last = int(match[1]), int(match[2] or match[1])
        found.update((first, *range(first, min(last, 1 << 16) + 1)))
    return found


def _check_block_io(host: HostConfig) -> None:
    if host.blkio_weight and not 10 <= host.blkio_weight <= 1000:
        raise BadRequest("Range of blkio weight is from 10 to 1000")
    if host.io_maximum_bandwidth:
        raise BadRequest("invalid option: QoS maximum bandwidth configuration is not supported on linux")
    if host.io_maximum_iops:
        raise BadRequest("invalid option: QoS maximum IOPs configuration is not supported on linux")
