"""What the engine needs of the machine: kernel, cgroups, tools, room."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from engine.daemon.doctor.finding import Finding, Verdict
from engine.errors import BadRequest, EngineError, Unavailable
from engine.kernel.mounts import mount, unmount
from engine.process import find_tool, run
from engine.runtime import cgroups
from engine.runtime.programs import Programs

_OLDEST_KERNEL: Final = (5, 10)  # pidfds, openat2, close_range
_LITTLE_ROOM_BYTES: Final = 2 << 30
_NAMESPACES: Final = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
_CONTROLLERS: Final = ("memory", "cpu", "cpuset", "pids")
# What it is for, and whether nothing works without it.
_TOOLS: Final = (
    ("conmon", "watches containers", True),
    ("nft", "shows the firewall here", False),
    ("ps", "docker top", False),
)
_NUMBER = re.compile(r"(\d+\.[\w.+~-]+)")


def kernel() -> Iterator[Finding]:
    """Its version, namespaces and seccomp."""
    release = os.uname().release
    version = tuple(int(part) for part in re.findall(r"\d+", release)[:2])
    verdict = Verdict.GOOD if version >= _OLDEST_KERNEL else Verdict.FAIL
    yield Finding("kernel", verdict, release, "the engine needs Linux 5.10 or newer")
    missing = [name for name in _NAMESPACES if not Path(f"/proc/self/ns/{name}").exists()]
    yield Finding(
        "namespaces",
        Verdict.FAIL if missing else Verdict.GOOD,
        f"missing: {', '.join(missing)}" if missing else "all there",
        "a kernel with CONFIG_NAMESPACES and its parts",
    )
    has_seccomp = Path("/proc/sys/kernel/seccomp/actions_avail").exists()
    yield Finding(
        "seccomp",
        Verdict.GOOD if has_seccomp else Verdict.WARN,
        "there" if has_seccomp else "missing: containers can make every system call",
        "a kernel with CONFIG_SECCOMP_FILTER",
    )


def control_groups() -> Iterator[Finding]:
    """The version that has the controllers, and whether groups can be made."""
    found = cgroups.hierarchies()
    has = [name for name in (*_CONTROLLERS, "blkio", "io", "devices", "freezer") if name in found.by_controller]
    missing = [name for name in _CONTROLLERS if name not in found.by_controller]
    yield Finding(
        f"cgroups v{found.version}",
        Verdict.WARN if missing else Verdict.GOOD,
        f"no {', '.join(missing)}: limits of that kind are refused" if missing else f"controllers: {', '.join(has)}",
        "boot with cgroup_enable=… or have systemd delegate the controllers",
    )
    root = next(iter(found.roots), None)
    can_write = root is not None and os.access(root, os.W_OK)
    yield Finding(
        "cgroup delegation",
        Verdict.GOOD if can_write else Verdict.FAIL,
        f"groups can be made below {root}" if can_write else "no group can be made",
        "run as root; in a container, with a writable /sys/fs/cgroup",
    )


def overlay(state: Path) -> Iterator[Finding]:
    """Whether layers can be laid over one another where the engine keeps them."""
    place = _nearest(state)
    hint = "modprobe overlay; the state directory must not be on overlayfs itself (--state-dir)"
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as name:
            home = Path(name)
            for part in ("lower", "upper", "work", "merged"):
                (home / part).mkdir()
            options = f"lowerdir={home}/lower,upperdir={home}/upper,workdir={home}/work"
            mount("overlay", home / "merged", "overlay", 0, options)
            unmount(home / "merged")
    except (EngineError, OSError) as exc:
        yield Finding("overlayfs", Verdict.FAIL, f"cannot be mounted in {place}: {exc}", hint)
        return
    yield Finding("overlayfs", Verdict.GOOD, f"works in {place}", hint)


def room(state: Path) -> Iterator[Finding]:
    """Space and inodes of the state directory's disk."""
    place = _nearest(state)
    usage, inodes = shutil.disk_usage(place), os.statvfs(place)
    free = f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.1f} GB free for {state}"
    is_scarce = usage.free < _LITTLE_ROOM_BYTES or (inodes.f_files and inodes.f_favail < inodes.f_files // 50)
    yield Finding(
        "disk", Verdict.WARN if is_scarce else Verdict.GOOD, free, "docker system prune, or another --state-dir"
    )


def firewall() -> Iterator[Finding]:
    """Whether nftables can be spoken to, and packets are forwarded."""
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12).close()  # NETLINK_NETFILTER
        verdict, detail = Verdict.GOOD, "there"
    except OSError as exc:
        verdict, detail = Verdict.FAIL, f"cannot be spoken to: {exc.strerror}"
    yield Finding("nftables", verdict, detail, "modprobe nf_tables nft_chain_nat nft_masq")
    forwards = Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1"
    yield Finding(
        "IPv4 forwarding",
        Verdict.GOOD,
        "on" if forwards else "off: the engine switches it on when it makes a network",
    )


def resources() -> Iterator[Finding]:
    """Limits that a busy engine meets first."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_low = hard != resource.RLIM_INFINITY and hard < 4096
    yield Finding(
        "open files",
        Verdict.WARN if is_low else Verdict.GOOD,
        f"at most {'unlimited' if hard == resource.RLIM_INFINITY else hard}",
        "ulimit -n 65536, or LimitNOFILE= of the service",
    )


async def runtime(named: Mapping[str, Path], default: str) -> Finding:
    """What containers run by that ask for nothing else; `named` and `default` are those of the settings."""
    try:
        found = Programs(())
        found.configure(named, default)
        program = found.at("").path
    except BadRequest as exc:
        return Finding("runtime", Verdict.FAIL, exc.message, "default-runtime and runtimes in daemon.json")
    except Unavailable as exc:
        return Finding("crun", Verdict.FAIL, "not found (runs containers)", exc.hint or "")
    try:
        return Finding(program.name, Verdict.GOOD, await _version(program))
    except OSError as exc:
        return Finding(
            program.name, Verdict.FAIL, f"{program} cannot be started: {exc.strerror}", "apt-get install crun"
        )


async def tools() -> list[Finding]:
    """The programs that the engine runs beside a runtime, and their versions."""
    findings = []
    for name, purpose, is_needed in _TOOLS:
        try:
            findings.append(Finding(name, Verdict.GOOD, await _version(find_tool(name))))
        except Unavailable as exc:
            verdict = Verdict.FAIL if is_needed else Verdict.WARN
            findings.append(Finding(name, verdict, f"not found ({purpose})", exc.hint or ""))
    return findings


async def _version(program: Path) -> str:
    said = (await run([program, "--version"])).stdout.decode(errors="replace")
    version = _NUMBER.search(said)
    return version[1] if version else "there"


def _nearest(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.is_dir())
