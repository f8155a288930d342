"""Limits of a container as OCI `linux.resources` (config-linux.md, Control groups), for both cgroup versions.

The numbers are cgroup v1's, as in Docker's API; the runtime converts them for v2. A limit whose control file the kernel
lacks is left out, as Docker does (it warns at creation), because asking for it would fail the start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.runtime.facts import HostFacts
from engine.wire.containers import HostConfig, ThrottleDevice, WeightDevice

_PERIOD_MICROSECONDS = 100_000
_NANO = 1_000_000_000

DeviceNumbers = Callable[[str], tuple[int, int]]


def resources(config: HostConfig, host: HostFacts, numbers: DeviceNumbers) -> dict[str, Any]:
    """The resources section without its device rules. `numbers` gives a block device's major and minor."""
    sections = {
        "memory": _memory(config, host),
        "cpu": _cpu(config),
        "pids": _pids(config),
        "blockIO": _block_io(config, host, numbers),
    }
    return {name: section for name, section in sections.items() if section}


def _memory(config: HostConfig, host: HostFacts) -> dict[str, Any]:
    if "memory" not in host.controllers:
        return {}
    section: dict[str, Any] = {}
    if config.memory > 0:
        section["limit"] = config.memory
    if config.memory_reservation > 0:
        section["reservation"] = config.memory_reservation
    if config.memory_swap and (host.cgroup_version == 2 or "memory.memsw.limit_in_bytes" in host.cgroup_files):
        section["swap"] = max(config.memory_swap, -1)
    if host.cgroup_version == 1:
        if config.memory_swappiness is not None and 0 <= config.memory_swappiness <= 100:
            section["swappiness"] = config.memory_swappiness
        if config.oom_kill_disable:
            section["disableOOMKiller"] = True
        if config.kernel_memory_tcp > 0:
            section["kernelTCP"] = config.kernel_memory_tcp
    return section


def _cpu(config: HostConfig) -> dict[str, Any]:
    section: dict[str, Any] = {}
    if config.nano_cpus:
        section["period"] = _PERIOD_MICROSECONDS
        section["quota"] = config.nano_cpus * _PERIOD_MICROSECONDS // _NANO
    wanted: dict[str, Any] = {
        "shares": config.cpu_shares,
        "period": config.cpu_period,
        "quota": max(config.cpu_quota, 0),  # below: no quota; crun writes a number without a sign
        "realtimePeriod": config.cpu_realtime_period,
        "realtimeRuntime": config.cpu_realtime_runtime,
        "cpus": config.cpuset_cpus,
        "mems": config.cpuset_mems,
    }
    section.update((name, value) for name, value in wanted.items() if value)
    return section


def _pids(config: HostConfig) -> dict[str, Any]:
    return {"limit": config.pids_limit} if config.pids_limit is not None and config.pids_limit > 0 else {}


def _block_io(config: HostConfig, host: HostFacts, numbers: DeviceNumbers) -> dict[str, Any]:
    section: dict[str, Any] = {}
    weights = {"blkio.weight", "blkio.bfq.weight"} if host.cgroup_version == 1 else {"io.weight", "io.bfq.weight"}
    if weights & host.cgroup_files:
        if config.blkio_weight:
            section["weight"] = config.blkio_weight
        if config.blkio_weight_device:
            section["weightDevice"] = [_weight(entry, numbers) for entry in config.blkio_weight_device]
    throttle = "blkio.throttle.read_bps_device" if host.cgroup_version == 1 else "io.max"
    if throttle in host.cgroup_files:
        section.update(_throttles(config, numbers))
    return section


def _throttles(config: HostConfig, numbers: DeviceNumbers) -> dict[str, Any]:
    wanted: dict[str, Sequence[ThrottleDevice]] = {
        "throttleReadBpsDevice": config.blkio_device_read_bps,
        "throttleWriteBpsDevice": config.blkio_device_write_bps,
        "throttleReadIOPSDevice": config.blkio_device_read_iops,
        "throttleWriteIOPSDevice": config.blkio_device_write_iops,
    }
    return {name: [_throttle(entry, numbers) for entry in entries] for name, entries in wanted.items() if entries}


def _weight(entry: WeightDevice, numbers: DeviceNumbers) -> dict[str, Any]:
    major, minor = numbers(entry.path)
    return {"major": major, "minor": minor, "weight": entry.weight}


def _throttle(entry: ThrottleDevice, numbers: DeviceNumbers) -> dict[str, Any]:
    major, minor = numbers(entry.path)
    return {"major": major, "minor": minor, "rate": entry.rate}
