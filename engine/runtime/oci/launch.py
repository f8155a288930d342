"""What the runtime is asked to run: plain data, decided by the caller, turned into an OCI spec by `spec`."""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from engine.wire.containers import ContainerConfig, HostConfig


class Shared(enum.Enum):
    """A namespace that is not the container's own."""

    HOST = "host"


HOST: Final = Shared.HOST
"""Share this namespace with the host. A path joins the namespace there; None makes a new one."""

Namespace = Path | Shared | None


class OciMount(Struct, frozen=True):
    """One entry of the spec's `mounts` (OCI runtime-spec, config.md, Mounts)."""

    destination: str
    source: str
    type: str
    options: tuple[str, ...]


class Identity(Struct, frozen=True):
    """Who a process runs as; `groups` are the additional ones, `home` is from the image's passwd file."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class Journal(Struct, frozen=True):
    """How a container's messages are marked in the host's journal."""

    tag: str
    name: str


class Launch(Struct, frozen=True, kw_only=True):
    """A container to create.

    `config` is already merged with the image's. `arguments` is the whole command (entrypoint and command),
    `environment` is complete and in order. `mounts` leaves out /proc, /sys and /dev, which `oci_spec` adds.
    `network_namespace` None means the host's network; the other namespaces are new when None.
    `cgroup` is below the cgroup roots (`/pycompose-1f2e/<id>`). `log_path` None keeps no log; with `journal` the
    journal gets the messages, too. With `stdin_once` the
    container's input ends with its first attached client. `init` is a static program to be PID 1, used where
    `host_config.init` asks for it. `bundle` is created and holds config.json and the monitor's sockets.
    `restored_from` is a directory of CRIU's with the processes to go on instead of new ones.
    `files` are written before anything else, in place, because other containers may have them mounted.
    """

    container_id: str
    config: ContainerConfig
    host_config: HostConfig
    arguments: tuple[str, ...]
    environment: tuple[str, ...]
    identity: Identity
    rootfs: Path
    mounts: tuple[OciMount, ...] = ()
    hostname: str = ""
    network_namespace: Path | None = None
    pid_namespace: Namespace = None
    ipc_namespace: Namespace = None
    uts_namespace: Namespace = None
    cgroup: str
    log_path: Path | None = None
    journal: Journal | None = None
    terminal: bool = False
    stdin_open: bool = False
    stdin_once: bool = False
    bundle: Path
    files: Mapping[Path, str] = field(default_factory=dict[Path, str])
    init: Path | None = None
    restored_from: Path | None = None


def cgroup_path(host: HostConfig, identity: str, default_parent: str) -> str:
    """The cgroup of a container, below the parent that it was given (a path from the root of every tree) or ours."""
    parent = posixpath.normpath(f"/{host.cgroup_parent}") if host.cgroup_parent else default_parent
    return f"/{parent.strip('/')}/{identity}"


class ExecLaunch(Struct, frozen=True, kw_only=True):
    """A further process in a running container; an empty `working_dir` is the container's own."""

    arguments: tuple[str, ...]
    environment: tuple[str, ...]
    identity: Identity
    working_dir: str = ""
    terminal: bool = False
    stdin: bool = False
    privileged: bool = False
    height: int = 0
    width: int = 0


class ExitStatus(Struct, frozen=True):
    """How a container ended: 128 + n for signal n."""

    exit_code: int
    oom_killed: bool
    finished_ns: int
