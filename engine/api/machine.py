"""What the engine's machine is and has: read from the kernel when somebody asks."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from engine.errors import Unavailable
from engine.process import find_tool, run
from engine.wire.system import VersionComponent

_CGROUP: Final = Path("/sys/fs/cgroup")
_FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")
# Go's names of the machine types, which clients compare with image platforms.
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
# Docker's name of the family, by which some of its clients decide.
_FILESYSTEMS: Final = {"ext2": "extfs", "ext3": "extfs", "ext4": "extfs"}
# The limits of rates that Docker names, by the version of cgroups.
_RATES: Final = {
    "1": tuple(f"blkio throttle.{way}_{unit}_device" for unit in ("bps", "iops") for way in ("read", "write")),
    "2": tuple(f"io.max ({way}{unit})" for unit in ("bps", "iops") for way in ("r", "w")),
}
_VERSION = re.compile(r"version (\S+)")
_COMMIT = re.compile(r"commit: (\S+)")


class CgroupFacts(Struct, frozen=True):
    """The cgroup version that carries the controllers, what there is to control, and which files there are."""

    version: str
    controllers: frozenset[str]
    has_swap: bool
    has_kernel_tcp: bool
    has_block_rates: bool


class Machine(Struct, frozen=True):
    """Everything about the machine that is read from files."""

    cgroups: CgroupFacts
    forwards_ipv4: bool
    system_name: str
    system_version: str
    filesystem: str

    def warnings(self) -> list[str]:
        """What containers cannot have here, in Docker's words."""
        lacks = [
            ("memory" in self.cgroups.controllers, "No memory limit support"),
            ("memory" not in self.cgroups.controllers or self.cgroups.has_swap, "No swap limit support"),
            ("cpu" in self.cgroups.controllers, "No cpu cfs quota support"),
            ("cpu" in self.cgroups.controllers, "No cpu cfs period support"),
            ("cpu" in self.cgroups.controllers, "No cpu shares support"),
            ("cpuset" in self.cgroups.controllers, "No cpuset support"),
            ("pids" in self.cgroups.controllers, "No pids limit support"),
            *((self.cgroups.has_block_rates, f"No {file} support") for file in _RATES[self.cgroups.version]),
            (self.forwards_ipv4, "IPv4 forwarding is disabled"),
        ]
        return [f"WARNING: {text}" for is_there, text in lacks if not is_there]


def read_machine(root: Path) -> Machine:
    """Read the facts; blocks for some small files. `root` is where the engine keeps things."""
    name, version = _operating_system()
    return Machine(
        cgroups=_cgroup_facts(),
        forwards_ipv4=_is_one(_FORWARDING),
        system_name=name,
        system_version=version,
        filesystem=_filesystem(root),
    )


def architecture(machine: str) -> str:
    """The kernel's name of a machine type as Go's."""
    return _ARCHITECTURES.get(machine, machine)


_tools: dict[str, VersionComponent] = {}


async def tool(name: str) -> VersionComponent:
    """A program's version by its own word, asked for once."""
    if name not in _tools:
        try:
            text = (await run([find_tool(name), "--version"])).stdout.decode(errors="replace")
        except Unavailable:
            return VersionComponent(name=name, version="not found")
        version, commit = _VERSION.search(text), _COMMIT.search(text)
        _tools[name] = VersionComponent(
            name=name,
            version=version[1] if version else "unknown",
            details={"GitCommit": commit[1] if commit else ""},
        )
    return _tools[name]


def _cgroup_facts() -> CgroupFacts:
    unified = _CGROUP / "cgroup.controllers"
    if unified.exists():
        # The root group has no swap file of its own; every kernel with the switch on gives it to groups below.
        has_swap = Path("/proc/swaps").exists()
        controllers = frozenset(unified.read_text().split())
        return CgroupFacts(
            "2", controllers, has_swap=has_swap, has_kernel_tcp=False, has_block_rates="io" in controllers
        )
    names = frozenset(name for name in ("memory", "cpu", "cpuset", "pids", "blkio") if (_CGROUP / name).is_dir())
    memory = _CGROUP / "memory"
    return CgroupFacts(
        "1",
        names,
        has_swap=(memory / "memory.memsw.limit_in_bytes").exists(),
        has_kernel_tcp=(memory / "memory.kmem.tcp.limit_in_bytes").exists(),
        has_block_rates=(_CGROUP / "blkio/blkio.throttle.read_bps_device").exists(),
    )


def _is_one(path: Path) -> bool:
    try:
        return path.read_text().strip() == "1"
    except OSError:
        return False


def _operating_system() -> tuple[str, str]:
    """The distribution's name for people and its version."""
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        return "Linux", ""
    return facts.get("PRETTY_NAME", "Linux"), facts.get("VERSION_ID", "")


def _filesystem(path: Path) -> str:
    """The type of the file system that holds `path`, by the longest mount point above it."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, type_, *_ = line.split()
        inside = path == Path(point) or Path(point) in path.parents
        if inside and len(point) >= len(best):
            best, kind = point, type_
    return _FILESYSTEMS.get(kind, kind)
