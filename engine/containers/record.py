"""What is remembered of a container, also after `kill -9`: a record in the table `container`."""

from __future__ import annotations

import msgspec

from engine.containers.life.lifecycle import Status
from engine.wire.containers import ContainerConfig, HealthcheckResult, HostConfig
from engine.wire.networks import EndpointSettings


class MountRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mount of a container, decided at its creation.

    `kind`: bind, volume, tmpfs or image. `source` is the host's path (bind) or the image's id (image); a volume's
    is known by its `name`. `options` are those of a tmpfs. `is_created`: a missing bind source becomes a directory.
    `is_shallow_read_only`: what is mounted below it stays writable.
    """

    kind: str
    destination: str
    source: str = ""
    name: str = ""
    is_anonymous: bool = False
    is_read_only: bool = False
    is_shallow_read_only: bool = False
    is_seeded: bool = True
    is_created: bool = False
    is_recursive: bool = True
    mode: str = ""
    propagation: str = ""
    subpath: str = ""
    options: tuple[str, ...] = ()


class ContainerRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A container. Times are nanoseconds since 1970, 0 for never.

    `networks` are the wishes by network name. `holds` says that the kernel may hold things for it (mounts, a network
    namespace, a cgroup): set before the first is taken, cleared after the last is given back. `is_at_rest` says that
    it is paused only while an image or a checkpoint is made of it. `probes` were the last ones when `health` was noted.
    """

    id: str
    name: str
    created_ns: int
    image: str
    image_id: str
    config: ContainerConfig
    host_config: HostConfig
    platform: str = "linux"
    mounts: list[MountRecord] = []
    networks: dict[str, EndpointSettings] = {}
    status: Status = Status.CREATED
    holds: bool = False
    pid: int = 0
    started_ns: int = 0
    finished_ns: int = 0
    exit_code: int = 0
    error: str = ""
    is_oom_killed: bool = False
    is_manually_stopped: bool = False
    restart_count: int = 0
    health: str = ""
    probes: list[HealthcheckResult] = []
    is_at_rest: bool = False
