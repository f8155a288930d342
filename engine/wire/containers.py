"""Containers on the wire (moby api/swagger.yaml: ContainerConfig, HostConfig, ContainerInspectResponse, …).

Durations are nanoseconds, sizes bytes, times RFC 3339 strings, as in the API.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from engine.wire.codec import Wire
from engine.wire.mounts import Mount
from engine.wire.networks import EndpointSettings
from engine.wire.summaries import MountPoint


class HealthConfig(Wire, frozen=True, kw_only=True):
    """`test` is `[]` (inherit), `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`; 0 means the default."""

    test: list[str] = []
    interval: int = 0
    timeout: int = 0
    retries: int = 0
    start_period: int = 0
    start_interval: int = 0


class ContainerConfig(Wire, frozen=True, kw_only=True):
    """What is portable of a container: also the `Config` of an image."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, dict[str, object]] = {}
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] = []
    cmd: list[str] | str | None = None
    healthcheck: HealthConfig | None = None
    args_escaped: bool = False
    image: str = ""
    volumes: dict[str, dict[str, object]] = {}
    working_dir: str = ""
    entrypoint: list[str] | str | None = None
    network_disabled: bool = False
    on_build: list[str] | None = None
    labels: dict[str, str] = {}
    stop_signal: str = ""
    stop_timeout: int | None = None
    shell: list[str] | None = None
    mac_address: str = ""


class RestartPolicy(Wire, frozen=True, kw_only=True):
    """`name`: "", "no", "always", "unless-stopped" or "on-failure"."""

    name: str = ""
    maximum_retry_count: int = 0


class PortBinding(Wire, frozen=True, kw_only=True):
    """A host address and port (`""`: any; a range `8000-8010` asks for one of them)."""

    host_ip: str = field(name="HostIp", default="")
    host_port: str = ""


class LogConfig(Wire, frozen=True, kw_only=True):
    """Log driver and its options."""

    type: str = ""
    config: dict[str, str] = {}


class Ulimit(Wire, frozen=True, kw_only=True):
    """A resource limit by its lower-case name (`nofile`); -1 is unlimited."""

    name: str = ""
    soft: int = 0
    hard: int = 0


class DeviceMapping(Wire, frozen=True, kw_only=True):
    """A host device made visible; permissions are a subset of `rwm`."""

    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = "rwm"


class DeviceRequest(Wire, frozen=True, kw_only=True):
    """A request for devices by capability (GPUs)."""

    driver: str = ""
    count: int = 0
    device_ids: list[str] = field(name="DeviceIDs", default_factory=list)
    capabilities: list[list[str]] = []
    options: dict[str, str] = {}


class WeightDevice(Wire, frozen=True, kw_only=True):
    """Relative block IO weight of a device."""

    path: str
    weight: int


class ThrottleDevice(Wire, frozen=True, kw_only=True):
    """Block IO rate of a device, in bytes or operations per second."""

    path: str
    rate: Annotated[int, Meta(ge=0)]


class HostConfig(Wire, frozen=True, kw_only=True):
    """What depends on the host: resources, mounts, namespaces, security."""

    cpu_shares: int = 0
    memory: int = 0
    cgroup_parent: str = ""
    blkio_weight: int = 0
    blkio_weight_device: list[WeightDevice] = []
    blkio_device_read_bps: list[ThrottleDevice] = []
    blkio_device_write_bps: list[ThrottleDevice] = []
    blkio_device_read_iops: list[ThrottleDevice] = field(name="BlkioDeviceReadIOps", default_factory=list)
    blkio_device_write_iops: list[ThrottleDevice] = field(name="BlkioDeviceWriteIOps", default_factory=list)
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = field(name="IOMaximumIOps", default=0)
    io_maximum_bandwidth: int = field(name="IOMaximumBandwidth", default=0)
    devices: list[DeviceMapping] = []
    device_cgroup_rules: list[str] = []
    device_requests: list[DeviceRequest] = []
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    kernel_memory_tcp: int = field(name="KernelMemoryTCP", default=0)
    nano_cpus: int = 0
    oom_kill_disable: bool | None = None
    init: bool | None = None
    pids_limit: int | None = None
    ulimits: list[Ulimit] = []
    binds: list[str] = []
    container_id_file: str = field(name="ContainerIDFile", default="")
    log_config: LogConfig = LogConfig()
    network_mode: str = "default"
    port_bindings: dict[str, list[PortBinding]] = {}
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: list[str] = []
    mounts: list[Mount] = []
    console_size: list[int] = field(default_factory=lambda: [0, 0])
    annotations: dict[str, str] = {}
    cap_add: list[str] = []
    cap_drop: list[str] = []
    cgroupns_mode: str = ""
    dns: list[str] = []
    dns_options: list[str] = []
    dns_search: list[str] = []
    extra_hosts: list[str] = []
    group_add: list[str] = []
    ipc_mode: str = ""
    cgroup: str = ""
    links: list[str] = []
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: list[str] = []
    storage_opt: dict[str, str] = {}
    tmpfs: dict[str, str] = {}
    uts_mode: str = field(name="UTSMode", default="")
    userns_mode: str = ""
    shm_size: int = 0
    sysctls: dict[str, str] = {}
    runtime: str = ""
    isolation: str = ""
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None


class NetworkingConfig(Wire, frozen=True, kw_only=True):
    """The networks to join at creation, by name or id."""

    endpoints_config: dict[str, EndpointSettings] = {}


class ContainerCreateRequest(ContainerConfig, frozen=True, kw_only=True):
    """Body of `POST /containers/create`."""

    host_config: HostConfig = HostConfig()
    networking_config: NetworkingConfig = NetworkingConfig()


class ContainerCreateResponse(Wire, frozen=True, kw_only=True):
    """Answer of `POST /containers/create`."""

    id: str
    warnings: list[str] = []


class ContainerUpdateResponse(Wire, frozen=True, kw_only=True):
    """Answer of `POST /containers/{id}/update`, whose body is the limits and the restart policy of a `HostConfig`."""

    warnings: list[str] | None = None


class HealthcheckResult(Wire, frozen=True, kw_only=True):
    """One probe. `exit_code`: 0 healthy, 1 unhealthy, -1 timed out or could not run."""

    start: str
    end: str
    exit_code: int
    output: str = ""


class Health(Wire, frozen=True, kw_only=True):
    """`status`: none, starting, healthy or unhealthy; `log` holds the last five probes."""

    status: str = "none"
    failing_streak: int = 0
    log: list[HealthcheckResult] = []


class ContainerState(Wire, frozen=True, kw_only=True):
    """`status`: created, running, paused, restarting, removing, exited or dead."""

    status: str = "created"
    running: bool = False
    paused: bool = False
    restarting: bool = False
    oom_killed: bool = field(name="OOMKilled", default=False)
    dead: bool = False
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: str = "0001-01-01T00:00:00Z"
    finished_at: str = "0001-01-01T00:00:00Z"
    health: Health | UnsetType = UNSET


class NetworkSettings(Wire, frozen=True, kw_only=True):
    """The network of a container as it is now; the singular fields are those of the default bridge.

    Nothing sets those from `HairpinMode` to `SecondaryIPv6Addresses` any more, in Docker as here.
    """

    bridge: str = ""
    sandbox_id: str = field(name="SandboxID", default="")
    sandbox_key: str = ""
    ports: dict[str, list[PortBinding] | None] = {}
    hairpin_mode: bool = False
    link_local_ipv6_address: str = field(name="LinkLocalIPv6Address", default="")
    link_local_ipv6_prefix_len: int = field(name="LinkLocalIPv6PrefixLen", default=0)
    secondary_ip_addresses: list[str] | None = field(name="SecondaryIPAddresses", default=None)
    secondary_ipv6_addresses: list[str] | None = field(name="SecondaryIPv6Addresses", default=None)
    endpoint_id: str = field(name="EndpointID", default="")
    gateway: str = ""
    global_ipv6_address: str = field(name="GlobalIPv6Address", default="")
    global_ipv6_prefix_len: int = field(name="GlobalIPv6PrefixLen", default=0)
    ip_address: str = field(name="IPAddress", default="")
    ip_prefix_len: int = field(name="IPPrefixLen", default=0)
    ipv6_gateway: str = field(name="IPv6Gateway", default="")
    mac_address: str = ""
    networks: dict[str, EndpointSettings] = {}


class DriverData(Wire, frozen=True, kw_only=True):
    """How a storage driver holds a container or image."""

    name: str = "overlay2"
    data: dict[str, str] = {}


class ContainerInspect(Wire, frozen=True, kw_only=True):
    """Answer of `GET /containers/{id}/json`; `name` starts with a slash."""

    id: str
    created: str
    path: str
    args: list[str]
    state: ContainerState
    image: str
    resolv_conf_path: str = ""
    hostname_path: str = ""
    hosts_path: str = ""
    log_path: str = ""
    name: str
    restart_count: int = 0
    driver: str = "overlay2"
    platform: str = "linux"
    mount_label: str = ""
    process_label: str = ""
    app_armor_profile: str = ""
    exec_ids: list[str] | None = field(name="ExecIDs", default=None)
    host_config: HostConfig
    graph_driver: DriverData = DriverData()
    size_rw: int | UnsetType = UNSET
    size_root_fs: int | UnsetType = UNSET
    mounts: list[MountPoint] = []
    config: ContainerConfig
    network_settings: NetworkSettings


class WaitExitError(Wire, frozen=True, kw_only=True):
    """Why a wait ended badly."""

    message: str


class ContainerWaitResponse(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """Answer of `POST /containers/{id}/wait`."""

    status_code: int
    error: WaitExitError | None = None


class ExecCreateRequest(Wire, frozen=True, kw_only=True):
    """Body of `POST /containers/{id}/exec`."""

    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    console_size: list[int] | None = None
    detach_keys: str = ""
    tty: bool = False
    env: list[str] = []
    cmd: list[str] = []
    privileged: bool = False
    user: str = ""
    working_dir: str = ""


class ExecStartRequest(Wire, frozen=True, kw_only=True):
    """Body of `POST /exec/{id}/start`."""

    detach: bool = False
    tty: bool = False
    console_size: list[int] | None = None


class ExecProcessConfig(Wire, frozen=True, kw_only=True, rename="lower"):
    """What an exec runs (lower-case names in the API)."""

    tty: bool = False
    entrypoint: str = ""
    arguments: list[str] = []
    privileged: bool = False
    user: str | UnsetType = UNSET


class ExecInspect(Wire, frozen=True, kw_only=True):
    """Answer of `GET /exec/{id}/json`; `exit_code` is null while it runs."""

    id: str = field(name="ID")
    running: bool = False
    exit_code: int | None = None
    process_config: ExecProcessConfig
    open_stdin: bool = False
    open_stderr: bool = False
    open_stdout: bool = False
    can_remove: bool = False
    container_id: str = field(name="ContainerID")
    detach_keys: str = ""
    pid: int = 0


class IdResponse(Wire, frozen=True, kw_only=True):
    """An id, nothing more (`POST …/exec`, `/commit`)."""

    id: str


class TopResponse(Wire, frozen=True, kw_only=True):
    """Answer of `GET /containers/{id}/top`."""

    titles: list[str]
    processes: list[list[str]]
