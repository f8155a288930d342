"""`docker stats`: one sample of what a container uses, from its cgroup and its network namespace. Blocks for a
fraction of a millisecond.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from msgspec import UNSET

from engine.containers.container import Container
from engine.runtime.stats import Block, Stats, read_stats
from engine.wire.stats import (
    BlockEntry,
    BlockStats,
    ContainerStats,
    CpuStats,
    CpuUsage,
    InterfaceStats,
    MemoryStats,
    PidsStats,
    Throttling,
)
from engine.wire.times import rfc3339


def nothing_used(container: Container) -> ContainerStats:
    """The sample of a container that does not run."""
    return ContainerStats(id=container.id, name=f"/{container.name}")


def sample(container: Container, cgroup: str) -> ContainerStats:
    """What a running container has used until now."""
    used = read_stats(cgroup)
    return ContainerStats(
        id=container.id,
        name=f"/{container.name}",
        read=rfc3339(time.time_ns()),
        cpu_stats=_cpu(used),
        memory_stats=_memory(used),
        pids_stats=PidsStats(current=used.pids, limit=used.pids_limit or UNSET),
        blkio_stats=BlockStats(
            io_service_bytes_recursive=_blocks(used.block_bytes),
            io_serviced_recursive=_blocks(used.block_operations),
        ),
        networks=_networks(container.record.pid) or UNSET,
    )


def _networks(pid: int) -> dict[str, InterfaceStats]:
    """The links of a process; what goes through the host's is no container's own, so those count as none."""
    place = Path(f"/proc/{pid}")
    try:
        if place.joinpath("ns/net").samefile("/proc/self/ns/net"):
            return {}
    except OSError:
        return {}  # it has just ended
    return interfaces(_text(place / "net/dev"))


def interfaces(text: str) -> dict[str, InterfaceStats]:
    """The links in proc(5)'s /proc/PID/net/dev, without the loopback."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        if name.strip() != "lo":
            numbers = [int(word) for word in rest.split()]
            received, sent = numbers[:4], numbers[8:12]
            names = ("bytes", "packets", "errors", "dropped")
            values = {f"rx_{key}": value for key, value in zip(names, received, strict=True)}
            values |= {f"tx_{key}": value for key, value in zip(names, sent, strict=True)}
            found[name.strip()] = InterfaceStats(**values)
    return found


def _cpu(used: Stats) -> CpuStats:
    return CpuStats(
        cpu_usage=CpuUsage(
            total_usage=used.cpu_total_ns,
            percpu_usage=list(used.cpus_ns) or UNSET,
            usage_in_kernelmode=used.cpu_system_ns,
            usage_in_usermode=used.cpu_user_ns,
        ),
        system_cpu_usage=_machine_cpu_ns(),
        online_cpus=os.sysconf("SC_NPROCESSORS_ONLN"),
        throttling_data=Throttling(
            periods=used.periods, throttled_periods=used.throttled_periods, throttled_time=used.throttled_ns
        ),
    )


def _memory(used: Stats) -> MemoryStats:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return MemoryStats(
        usage=used.memory_bytes,
        max_usage=used.memory_peak_bytes or UNSET,
        stats=used.memory_details,
        failcnt=used.memory_failures or UNSET,
        limit=min(used.memory_limit_bytes or machine, machine),
    )


def _blocks(counters: Iterable[Block]) -> list[BlockEntry]:
    return [BlockEntry(major=one.major, minor=one.minor, op=one.operation, value=one.value) for one in counters]


def _machine_cpu_ns() -> int:
    """The time that all processors have spent, idle or not (user to softirq and steal, without the guests' share,
    which is in the user's already).
    """
    ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, ticks)) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # it has just ended
