"""What containers use, from the engine's counters."""

from __future__ import annotations

import pytest

from compose.apply.looking.usage import usage_of
from compose.plan.observed import ObservedContainer
from engine.wire.stats import (
    BlockEntry,
    BlockStats,
    ContainerStats,
    CpuStats,
    CpuUsage,
    InterfaceStats,
    MemoryStats,
    PidsStats,
)

WEB = ObservedContainer("f" * 64, "shop-web-1", "web")


def cpu(used: int, machine: int) -> CpuStats:
    return CpuStats(cpu_usage=CpuUsage(total_usage=used), system_cpu_usage=machine, online_cpus=4)


def test_processors_are_counted_since_the_sample_before() -> None:
    sample = ContainerStats(
        id=WEB.id,
        name=WEB.name,
        cpu_stats=cpu(3_000, 20_000),
        precpu_stats=cpu(1_000, 12_000),
        memory_stats=MemoryStats(usage=1, limit=2),
    )
    assert usage_of(WEB, sample).cpu_percent == pytest.approx(100.0)


@pytest.mark.parametrize("name", ["inactive_file", "total_inactive_file"])
def test_the_file_cache_is_not_counted_as_memory(name: str) -> None:
    memory = MemoryStats(usage=1_000, limit=4_000, stats={name: 400})
    found = usage_of(WEB, ContainerStats(id=WEB.id, name=WEB.name, memory_stats=memory))
    assert (found.memory, found.memory_limit) == (600, 4_000)


def test_links_and_devices_are_added_up() -> None:
    blocks = [BlockEntry(op="Read", value=1), BlockEntry(op="read", value=2), BlockEntry(op="Write", value=5)]
    sample = ContainerStats(
        id=WEB.id,
        name=WEB.name,
        memory_stats=MemoryStats(usage=1),
        networks={"eth0": InterfaceStats(rx_bytes=10, tx_bytes=1), "eth1": InterfaceStats(rx_bytes=20, tx_bytes=2)},
        blkio_stats=BlockStats(io_service_bytes_recursive=blocks),
        pids_stats=PidsStats(current=3),
    )
    found = usage_of(WEB, sample)
    assert (found.received, found.sent, found.read, found.written, found.pids) == (30, 3, 3, 5, 3)


def test_a_container_that_does_not_run_uses_nothing() -> None:
    found = usage_of(WEB, ContainerStats(id=WEB.id, name=WEB.name))
    assert (found.is_known, found.is_over, found.memory, found.pids) == (True, True, 0, 0)
