"""What a container uses, on the wire (moby api/types/container: StatsResponse). Counters grow; clients compute rates
from `cpu_stats` and `precpu_stats`, the sample before.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from engine.wire.codec import Wire


class CpuUsage(Wire, frozen=True, kw_only=True, rename=None):
    """Nanoseconds."""

    total_usage: int = 0
    percpu_usage: list[int] | UnsetType = UNSET
    usage_in_kernelmode: int = 0
    usage_in_usermode: int = 0


class Throttling(Wire, frozen=True, kw_only=True, rename=None):
    """Periods, those of them in which the container was held back, and for how many nanoseconds."""

    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0


class CpuStats(Wire, frozen=True, kw_only=True, rename=None):
    """The container's time beside the whole machine's."""

    cpu_usage: CpuUsage = CpuUsage()
    system_cpu_usage: int | UnsetType = UNSET
    online_cpus: int | UnsetType = UNSET
    throttling_data: Throttling = Throttling()


class MemoryStats(Wire, frozen=True, kw_only=True, rename=None):
    """Bytes; clients subtract from `usage` the cache in `stats`, by either cgroup version's name."""

    usage: int | UnsetType = UNSET
    max_usage: int | UnsetType = UNSET
    stats: dict[str, int] | UnsetType = UNSET
    failcnt: int | UnsetType = UNSET
    limit: int | UnsetType = UNSET


class PidsStats(Wire, frozen=True, kw_only=True, rename=None):
    """Processes and threads."""

    current: int | UnsetType = UNSET
    limit: int | UnsetType = UNSET


class BlockEntry(Wire, frozen=True, kw_only=True, rename=None):
    """One counter of one device."""

    major: int = 0
    minor: int = 0
    op: str
    value: int


class BlockStats(Wire, frozen=True, kw_only=True, rename=None):
    """Bytes and operations; null where nothing is known, which is all the rest since there are other schedulers."""

    io_service_bytes_recursive: list[BlockEntry] | None = None
    io_serviced_recursive: list[BlockEntry] | None = None
    io_queue_recursive: list[BlockEntry] | None = None
    io_service_time_recursive: list[BlockEntry] | None = None
    io_wait_time_recursive: list[BlockEntry] | None = None
    io_merged_recursive: list[BlockEntry] | None = None
    io_time_recursive: list[BlockEntry] | None = None
    sectors_recursive: list[BlockEntry] | None = None


class InterfaceStats(Wire, frozen=True, kw_only=True, rename=None):
    """One of the container's links, as the container sees it."""

    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


class ContainerStats(Wire, frozen=True, kw_only=True, rename=None):
    """Answer of `GET /containers/{name}/stats`; of a container that does not run only the names."""

    id: str
    name: str
    read: str = "0001-01-01T00:00:00Z"
    preread: str = "0001-01-01T00:00:00Z"
    cpu_stats: CpuStats = CpuStats()
    precpu_stats: CpuStats = CpuStats()
    memory_stats: MemoryStats = MemoryStats()
    pids_stats: PidsStats = PidsStats()
    num_procs: int = 0
    storage_stats: dict[str, int] = {}
    blkio_stats: BlockStats = BlockStats()
    networks: dict[str, InterfaceStats] | UnsetType = UNSET
