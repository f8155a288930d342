"""What the engine says of itself and of its machine: `docker version`, `docker info`, `docker system df`."""

from __future__ import annotations

import os
import platform
import re
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec

from engine.api.services import ContainerJobs, ImageJobs
from engine.api.sizes import with_sizes
from engine.errors import Unavailable
from engine.events.bus import EventBus
from engine.process import find_tool, run
from engine.state.paths import Paths
from engine.wire.system import (
    API_VERSION,
    MIN_API_VERSION,
    PluginsInfo,
    RuntimeInfo,
    SystemInfo,
    SystemVersion,
    VersionComponent,
    VersionPlatform,
)
from engine.wire.times import rfc3339

_CGROUP: Final = Path("/sys/fs/cgroup")
# Go's names of the machine types, which clients compare with image platforms.
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_VERSION = re.compile(r"version (\S+)")
_COMMIT = re.compile(r"commit: (\S+)")


class System:
    """Facts of the engine and its machine, gathered when asked for."""

    def __init__(
        self,
        *,
        paths: Paths,
        containers: ContainerJobs,
        images: ImageJobs[Any],
        version: str,
        events: EventBus | None = None,
    ) -> None:
        self._paths = paths
        self._containers = containers
        self._images = images
        self._events = events
        self.version_text = version

    async def version(self) -> SystemVersion:
        """Answer of `GET /version`: the engine, crun and conmon."""
        uname = os.uname()
        architecture = _ARCHITECTURES.get(uname.machine, uname.machine)
        python = f"none (Python {platform.python_version()})"
        engine = VersionComponent(
            name="Engine",
            version=self.version_text,
            details={
                "ApiVersion": API_VERSION,
                "MinAPIVersion": MIN_API_VERSION,
                "Arch": architecture,
                "Os": "linux",
                "KernelVersion": uname.release,
                "GoVersion": python,
                "GitCommit": "",
                "BuildTime": "",
                "Experimental": "false",
            },
        )
        return SystemVersion(
            platform=VersionPlatform(name="pycompose engine"),
            components=[engine, await _tool("crun"), await _tool("conmon")],
            version=self.version_text,
            go_version=python,
            arch=architecture,
            kernel_version=uname.release,
        )

    async def info(self) -> SystemInfo:
        """Answer of `GET /info`."""
        uname = os.uname()
        cgroup_version, controllers = await anyio.to_thread.run_sync(_cgroup_facts)
        states = Counter(summary.state for summary in self._containers.summaries(everything=True, limit=0, filters={}))
        name, version_id = await anyio.to_thread.run_sync(_operating_system)
        running, paused = states["running"] + states["restarting"], states["paused"]
        return SystemInfo(
            id=f"pycompose-{self._paths.tag}",
            containers=states.total(),
            containers_running=running,
            containers_paused=paused,
            containers_stopped=states.total() - running - paused,
            images=len(self._images.all()),
            driver_status=[("Backing Filesystem", await anyio.to_thread.run_sync(_filesystem, self._paths.root))],
            docker_root_dir=str(self._paths.root),
            plugins=PluginsInfo(),
            memory_limit="memory" in controllers,
            swap_limit="memory" in controllers,
            cpu_cfs_period="cpu" in controllers,
            cpu_cfs_quota="cpu" in controllers,
            cpu_shares="cpu" in controllers,
            cpu_set="cpuset" in controllers,
            pids_limit="pids" in controllers,
            oom_kill_disable=cgroup_version == "1",
            n_fd=len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # a hundred names, not paths
            n_goroutines=len(anyio.get_running_tasks()),
            system_time=rfc3339(time.time_ns()),
            cgroup_version=cgroup_version,
            n_events_listener=self._events.listener_count if self._events else 0,
            kernel_version=uname.release,
            operating_system=name,
            os_version=version_id,
            architecture=uname.machine,
            registry_config=self._images.registries(),
            n_cpu=len(os.sched_getaffinity(0)),
            mem_total=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            name=socket.gethostname(),
            server_version=self.version_text,
            runtimes=_runtimes(),
            security_options=["name=seccomp,profile=builtin"],
            warnings=[],
        )

    async def disk_usage(self) -> dict[str, Any]:
        """Answer of `GET /system/df`, without the volumes, which the route adds."""
        use = await self._images.disk_use()
        images = [
            msgspec.structs.replace(
                self._images.summary(image),
                containers=len(self._containers.image_users(image.id)),
                shared_size=use.shared_bytes.get(image.id, 0),
            )
            for image in self._images.all()
        ]
        containers = self._containers.summaries(everything=True, limit=0, filters={})
        return {
            "LayersSize": use.layers_bytes,
            "Images": images,
            "Containers": await with_sizes(self._containers, containers),
            "BuildCache": [],
        }


_tools: dict[str, VersionComponent] = {}


async def _tool(name: str) -> VersionComponent:
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


def _runtimes() -> dict[str, RuntimeInfo]:
    try:
        return {"crun": RuntimeInfo(path=str(find_tool("crun")))}
    except Unavailable:
        return {}


def _cgroup_facts() -> tuple[str, frozenset[str]]:
    """The cgroup version that carries the controllers, and the controllers there are."""
    unified = _CGROUP / "cgroup.controllers"
    if unified.exists():
        return "2", frozenset(unified.read_text().split())
    return "1", frozenset(name for name in ("memory", "cpu", "cpuset", "pids", "blkio") if (_CGROUP / name).is_dir())


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
    return kind
