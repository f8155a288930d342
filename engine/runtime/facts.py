"""What this host can do, read once, so that `spec` can decide without looking."""

from __future__ import annotations

import functools
import os
import resource
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from engine.kernel.limits import given_open_files
from engine.runtime.cgroups import Hierarchies, hierarchies
from engine.runtime.oci import capabilities

# Control files that some kernels lack: asking a runtime for them there fails the start.
OPTIONAL_FILES = (
    "memory.memsw.limit_in_bytes",
    "memory.swappiness",
    "memory.oom_control",
    "blkio.weight",
    "blkio.bfq.weight",
    "io.weight",
    "io.bfq.weight",
    "io.max",
    "blkio.throttle.read_bps_device",
    "cpu.rt_runtime_us",
)
# The root of cgroup v2 shows no limits. What it shows where its children have them: exactly for the weight; for the
# rates as long as a kernel that counts I/O also throttles it, which those of distributions do.
_SIGNS_IN_ROOT = {"io.weight": "io.cost.qos", "io.max": "io.stat"}
OPTIONAL_SYSCTLS = ("net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start")


class HostFacts(Struct, frozen=True, kw_only=True):
    """The host as far as a container's spec depends on it. `hard_limits` is by the lower-case name (`nofile`).

    `cpus` and `memory_nodes` are the kernel's lists of those that are online (`0-3,7`).
    """

    cgroup_version: int
    controllers: frozenset[str]
    cgroup_files: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset(capabilities.ALL)
    machine: str = "x86_64"
    kernel: tuple[int, int] = (6, 1)
    hard_limits: Mapping[str, int] = field(default_factory=dict)
    oom_score_adj: int = 0
    sysctls: frozenset[str] = frozenset(OPTIONAL_SYSCTLS)
    has_apparmor: bool = False
    cpu_count: int = 1
    cpus: str = "0"
    memory_nodes: str = "0"
    open_files: tuple[int, int] | None = None
    """The limit that containers begin with, where it is another than the engine's own."""


@functools.cache
def host_facts() -> HostFacts:
    """Read the host's facts; they do not change while the engine runs."""
    system = os.uname()
    major, minor = system.release.split(".")[:2]
    found = hierarchies()
    return HostFacts(
        open_files=given_open_files(),
        cgroup_version=found.version,
        controllers=frozenset(found.by_controller),
        cgroup_files=optional_files(found),
        capabilities=_own_capabilities(),
        machine=system.machine,
        kernel=(int(major), int("".join(filter(str.isdigit, minor)) or 0)),
        hard_limits=_hard_limits(),
        oom_score_adj=int(Path("/proc/self/oom_score_adj").read_text()),
        sysctls=frozenset(name for name in OPTIONAL_SYSCTLS if _sysctl_path(name).exists()),
        has_apparmor=Path("/sys/kernel/security/apparmor").is_dir() and Path("/sbin/apparmor_parser").exists(),
        cpu_count=os.cpu_count() or 1,
        cpus=_list(Path("/sys/devices/system/cpu/online")),
        memory_nodes=_list(Path("/sys/devices/system/node/online")),
    )


def _list(file: Path) -> str:
    """A list of numbers as the kernel writes it (`0-3,7`); a machine without NUMA has node 0 alone."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return "0"


def _sysctl_path(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


def optional_files(found: Hierarchies) -> frozenset[str]:
    """Those of `OPTIONAL_FILES` that the cgroups of containers will have."""
    return frozenset(name for name in OPTIONAL_FILES if _has_file(found, name))


def _has_file(found: Hierarchies, name: str) -> bool:
    controller = name.partition(".")[0]
    root = found.by_controller.get(controller)
    if root is None:
        return False
    if found.version == 1:
        return (root / name).exists()
    # A child shows it only once somebody enabled the controller there, which systemd does not do for `io` by itself.
    if (root / _SIGNS_IN_ROOT.get(name, name)).exists():
        return True
    return any((path / name).exists() for path in root.iterdir() if path.is_dir())


def _own_capabilities() -> frozenset[str]:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return capabilities.from_mask(int(line.split()[1], 16))
    return frozenset()


def _hard_limits() -> dict[str, int]:
    limits = {}
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            hard = resource.getrlimit(getattr(resource, name))[1]
            limits[name.removeprefix("RLIMIT_").lower()] = hard
    return limits
