"""What the engine says of itself: `docker version`, `docker info`, `docker system df`."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
from msgspec import UNSET

from engine.api.identity import Identity
from engine.api.machine import architecture, read_machine, tool
from engine.api.services import ContainerJobs, ImageJobs
from engine.api.sizes import with_sizes
from engine.events.bus import EventBus
from engine.logs.options import DRIVERS, JOURNAL
from engine.runtime.features import features
from engine.runtime.programs import installed
from engine.state.paths import Paths
from engine.wire.images import ImageSummary
from engine.wire.summaries import ContainerSummary
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

_FEATURES: Final = "org.opencontainers.runtime-spec.features"


class System:
    """Facts of the engine and its machine, gathered when asked for. `identity` may be replaced while it runs."""

    def __init__(
        self,
        *,
        paths: Paths,
        containers: ContainerJobs,
        images: ImageJobs[Any],
        events: EventBus,
        identity: Identity,
        runtimes: Callable[[], Mapping[str, Path]] = installed,
    ) -> None:
        self._paths = paths
        self._containers = containers
        self._images = images
        self._events = events
        self.identity = identity
        self._runtimes = runtimes

    @property
    def version_text(self) -> str:
        """The engine's version."""
        return self.identity.version

    async def version(self) -> SystemVersion:
        """Answer of `GET /version`: the engine, crun and conmon."""
        uname = os.uname()
        machine = architecture(uname.machine)
        python = f"none (Python {platform.python_version()})"
        engine = VersionComponent(
            name="Engine",
            version=self.version_text,
            details={
                "ApiVersion": API_VERSION,
                "MinAPIVersion": MIN_API_VERSION,
                "Arch": machine,
                "Os": "linux",
                "KernelVersion": uname.release,
                "GoVersion": python,
                "GitCommit": "",
                "BuildTime": "",
                "Experimental": str(self.identity.is_experimental).lower(),
            },
        )
        return SystemVersion(
            platform=VersionPlatform(name="pycompose engine"),
            components=[engine, await tool("crun"), await tool("conmon")],
            version=self.version_text,
            go_version=python,
            arch=machine,
            kernel_version=uname.release,
            experimental=self.identity.is_experimental,
        )

    async def info(self) -> SystemInfo:
        """Answer of `GET /info`."""
        uname = os.uname()
        told = self.identity
        machine = await anyio.to_thread.run_sync(read_machine, self._paths.root)
        controllers = machine.cgroups.controllers
        states = self._containers.states()
        running, paused = states["running"] + states["restarting"], states["paused"]
        programs = self._runtimes()
        mode = told.cgroupns_mode or ("private" if machine.cgroups.version == "2" else "host")
        private_cgroups = ["name=cgroupns"] if mode == "private" else []
        return SystemInfo(
            id=told.engine_id,
            containers=states.total(),
            containers_running=running,
            containers_paused=paused,
            containers_stopped=states.total() - running - paused,
            images=len(self._images.all()),
            driver_status=[
                ("Backing Filesystem", machine.filesystem),
                ("Supports d_type", "true"),  # or overlayfs would not have mounted
                ("Using metacopy", "false"),
                ("Native Overlay Diff", "true"),
                ("userxattr", "false"),
            ],
            docker_root_dir=str(self._paths.root),
            memory_limit="memory" in controllers,
            swap_limit=machine.cgroups.has_swap,
            kernel_memory_tcp=machine.cgroups.has_kernel_tcp or UNSET,
            cpu_cfs_period="cpu" in controllers,
            cpu_cfs_quota="cpu" in controllers,
            cpu_shares="cpu" in controllers,
            cpu_set="cpuset" in controllers,
            pids_limit="pids" in controllers,
            oom_kill_disable=machine.cgroups.version == "1",
            ipv4_forwarding=machine.forwards_ipv4,
            debug=told.is_debugging,
            n_fd=len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # a hundred names, not paths
            n_goroutines=len(anyio.get_running_tasks()),
            system_time=rfc3339(time.time_ns()),
            cgroup_version=machine.cgroups.version,
            n_events_listener=self._events.listener_count,
            kernel_version=uname.release,
            operating_system=machine.system_name,
            os_version=machine.system_version,
            architecture=uname.machine,
            registry_config=self._images.registries(),
            n_cpu=len(os.sched_getaffinity(0)),
            mem_total=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            http_proxy=told.proxies.get("HTTP_PROXY", ""),
            https_proxy=told.proxies.get("HTTPS_PROXY", ""),
            no_proxy=told.proxies.get("NO_PROXY", ""),
            name=socket.gethostname(),
            labels=list(told.labels),
            logging_driver=told.logging_driver,
            plugins=PluginsInfo(log=_log_drivers()),
            server_version=self.version_text,
            # Libraries take it for builds that squash layers. Checkpoints are offered by `/_ping` and the version.
            experimental_build=False,
            runtimes={name: await _runtime(path) for name, path in programs.items()},
            default_runtime=next(iter(programs), ""),
            init_binary="docker-init",
            security_options=["name=seccomp,profile=builtin", *private_cgroups],
            warnings=[*told.warnings, *machine.warnings()],
        )

    async def images_usage(self) -> tuple[int, list[ImageSummary]]:
        """What all layers take of the disk in bytes, and each image with its users and what it shares."""
        use = await self._images.disk_use()
        images = [
            msgspec.structs.replace(
                self._images.summary(image),
                containers=len(self._containers.image_users(image.id)),
                shared_size=use.shared_bytes.get(image.id, 0),
            )
            for image in self._images.all()
        ]
        return use.layers_bytes, images

    async def containers_usage(self) -> list[ContainerSummary]:
        """Every container with its sizes."""
        return await with_sizes(self._containers, self._containers.summaries(everything=True, limit=0, filters={}))


async def _runtime(program: Path) -> RuntimeInfo:
    told = await features(program)
    return RuntimeInfo(path=str(program), status={_FEATURES: told} if told else UNSET)


def _log_drivers() -> list[str]:
    """Those that can be chosen here, but for `none`, which Docker does not list either."""
    return [name for name in sorted(DRIVERS) if name != "none" and (name != "journald" or JOURNAL.is_socket())]
