"""What a container uses now, from its cgroup's files in either version. Rates are the reader's to compute."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct, field

from engine.runtime import cgroups

_NANO_PER_MICRO: Final = 1_000
_NANO_PER_TICK: Final = 10_000_000
_UNLIMITED_V1: Final = 1 << 62

# What Docker tells of memory: of version 1 each also as `total_…`, with the cgroups below.
_DETAILS_V1: Final = (
    "cache", "rss", "rss_huge", "mapped_file", "dirty", "writeback", "pgpgin", "pgpgout", "pgfault", "pgmajfault",
    "inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable",
)  # fmt: skip
_LIMITS_V1: Final = ("hierarchical_memory_limit", "hierarchical_memsw_limit")
_DETAILS_V2: Final = (
    "anon", "file", "kernel_stack", "slab", "sock", "shmem", "file_mapped", "file_dirty", "file_writeback",
    "anon_thp", "inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable", "slab_reclaimable",
    "slab_unreclaimable", "pgfault", "pgmajfault", "workingset_refault", "workingset_activate",
    "workingset_nodereclaim", "pgrefill", "pgscan", "pgsteal", "pgactivate", "pgdeactivate", "pglazyfree",
    "pglazyfreed", "thp_fault_alloc", "thp_collapse_alloc",
)  # fmt: skip


class Block(Struct, frozen=True):
    """A counter of one block device. `operation`: `read` or `write`; in version 1 `Read`, `Write`, `Sync` …"""

    major: int
    minor: int
    operation: str
    value: int


class Stats(Struct, frozen=True, kw_only=True):
    """Counters since the start and gauges now; None where the kernel does not tell.

    `cpus_ns` is each processor's part of `cpu_total_ns` (version 1 only). `memory_details` has the kernel's names:
    `inactive_file`, in version 1 `total_inactive_file`, is the page cache that can go at once, which `docker stats`
    subtracts from `memory_bytes`. `memory_peak_bytes` is told of version 1 only, as by Docker. `memory_failures` is how
    often the limit was hit.
    """

    cpu_total_ns: int = 0
    cpu_user_ns: int = 0
    cpu_system_ns: int = 0
    cpus_ns: tuple[int, ...] = ()
    periods: int = 0
    throttled_periods: int = 0
    throttled_ns: int = 0
    memory_bytes: int = 0
    memory_limit_bytes: int | None = None
    memory_details: dict[str, int] = field(default_factory=dict[str, int])
    memory_peak_bytes: int | None = None
    memory_failures: int = 0
    pids: int = 0
    pids_limit: int | None = None
    block_bytes: tuple[Block, ...] = ()
    block_operations: tuple[Block, ...] = ()


def read_stats(cgroup: str) -> Stats:
    """Read a container's numbers; those of a cgroup that is gone are 0. Some 0.2 ms."""
    return _read_v2(cgroup) if cgroups.hierarchies().version == 2 else _read_v1(cgroup)


def _read_v1(cgroup: str) -> Stats:
    memory, account, pids, blocks = (_place(cgroup, name) for name in ("memory", "cpuacct", "pids", "blkio"))
    ticks = cgroups.read_counters(account / "cpuacct.stat")
    throttling = cgroups.read_counters(_place(cgroup, "cpu") / "cpu.stat")
    details = cgroups.read_counters(memory / "memory.stat")
    names = (*_DETAILS_V1, *_LIMITS_V1, *(f"total_{name}" for name in _DETAILS_V1))
    return Stats(
        cpu_total_ns=_number(account / "cpuacct.usage") or 0,
        cpu_user_ns=ticks.get("user", 0) * _NANO_PER_TICK,
        cpu_system_ns=ticks.get("system", 0) * _NANO_PER_TICK,
        cpus_ns=tuple(map(int, _text(account / "cpuacct.usage_percpu").split())),
        periods=throttling.get("nr_periods", 0),
        throttled_periods=throttling.get("nr_throttled", 0),
        throttled_ns=throttling.get("throttled_time", 0),
        memory_bytes=_number(memory / "memory.usage_in_bytes") or 0,
        memory_limit_bytes=_number(memory / "memory.limit_in_bytes"),
        memory_details={name: details.get(name, 0) for name in names} if details else {},
        memory_peak_bytes=_number(memory / "memory.max_usage_in_bytes"),
        memory_failures=_number(memory / "memory.failcnt") or 0,
        pids=_number(pids / "pids.current") or 0,
        pids_limit=_number(pids / "pids.max"),
        block_bytes=parse_blkio(_throttle(blocks, "io_service_bytes")),
        block_operations=parse_blkio(_throttle(blocks, "io_serviced")),
    )


def _read_v2(cgroup: str) -> Stats:
    place = cgroups.ROOT / cgroup.lstrip("/")
    cpu = cgroups.read_counters(place / "cpu.stat")
    details = cgroups.read_counters(place / "memory.stat")
    return Stats(
        cpu_total_ns=cpu.get("usage_usec", 0) * _NANO_PER_MICRO,
        cpu_user_ns=cpu.get("user_usec", 0) * _NANO_PER_MICRO,
        cpu_system_ns=cpu.get("system_usec", 0) * _NANO_PER_MICRO,
        periods=cpu.get("nr_periods", 0),
        throttled_periods=cpu.get("nr_throttled", 0),
        throttled_ns=cpu.get("throttled_usec", 0) * _NANO_PER_MICRO,
        memory_bytes=_number(place / "memory.current") or 0,
        memory_limit_bytes=_number(place / "memory.max"),
        memory_details={name: details.get(name, 0) for name in _DETAILS_V2} if details else {},
        memory_failures=cgroups.read_counters(place / "memory.events").get("oom", 0),
        pids=_number(place / "pids.current") or 0,
        pids_limit=_number(place / "pids.max"),
        block_bytes=parse_io_stat(_text(place / "io.stat")),
    )


def parse_io_stat(text: str) -> tuple[Block, ...]:
    """Bytes read and written per device, from version 2's `io.stat` (`8:0 rbytes=1 wbytes=2 …` lines)."""
    found = []
    for line in text.splitlines():
        device, *fields = line.split()
        values = dict(field.split("=", 1) for field in fields if "=" in field)
        major, _, minor = device.partition(":")
        for operation, name in (("read", "rbytes"), ("write", "wbytes")):
            found.append(Block(int(major), int(minor), operation, int(values.get(name, 0))))
    return tuple(found)


def parse_blkio(text: str) -> tuple[Block, ...]:
    """The counters of one of version 1's files (`8:0 Read 1` lines, and a total over all devices, left out)."""
    found = []
    for words in map(str.split, text.splitlines()):
        if len(words) == 3:
            major, _, minor = words[0].partition(":")
            found.append(Block(int(major), int(minor), words[1], int(words[2])))
    return tuple(found)


def _throttle(place: Path, name: str) -> str:
    # Older kernels count only what is not in cgroups below.
    return _text(place / f"blkio.throttle.{name}_recursive") or _text(place / f"blkio.throttle.{name}")


def _place(cgroup: str, controller: str) -> Path:
    return cgroups.directory(cgroup, controller) or Path("/nonexistent")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # no such file here, or the container has just ended


def _number(path: Path) -> int | None:
    """The number in a file; None for `max`, for v1's way to say unlimited, and where there is no file."""
    text = _text(path).strip()
    value = int(text) if text.isdecimal() else None
    return None if value is None or value >= _UNLIMITED_V1 else value
