"""The daemon on the wire (moby api/swagger.yaml: SystemInfo, SystemVersion, EventMessage)."""

from __future__ import annotations

from msgspec import UNSET, UnsetType, field

from engine.wire.codec import Wire

API_VERSION = "1.51"
MIN_API_VERSION = "1.24"


class ErrorResponse(Wire, frozen=True, kw_only=True, rename="lower"):
    """Every error's body."""

    message: str


class EventActor(Wire, frozen=True, kw_only=True):
    """The object of an event."""

    id: str = field(name="ID", default="")
    attributes: dict[str, str] = {}


class EventMessage(Wire, frozen=True, kw_only=True):
    """One event. The first three fields repeat the newer ones for old clients, for containers and images."""

    status: str | UnsetType = field(name="status", default=UNSET)
    id: str | UnsetType = field(name="id", default=UNSET)
    from_: str | UnsetType = field(name="from", default=UNSET)
    type: str
    action: str
    actor: EventActor
    scope: str = field(name="scope", default="local")
    time: int = field(name="time", default=0)
    time_nano: int = field(name="timeNano", default=0)


class VersionComponent(Wire, frozen=True, kw_only=True):
    """A part of the engine and its version."""

    name: str
    version: str
    details: dict[str, str] = {}


class VersionPlatform(Wire, frozen=True, kw_only=True):
    """The product's name."""

    name: str


class SystemVersion(Wire, frozen=True, kw_only=True):
    """Answer of `GET /version`."""

    platform: VersionPlatform
    components: list[VersionComponent] = []
    version: str
    api_version: str = API_VERSION
    min_api_version: str = field(name="MinAPIVersion", default=MIN_API_VERSION)
    git_commit: str = ""
    go_version: str = ""
    os: str = "linux"
    arch: str = ""
    kernel_version: str = ""
    experimental: bool = False
    build_time: str = ""


class RuntimeInfo(Wire, frozen=True, kw_only=True, rename="lower"):
    """An OCI runtime's program, and what it says of itself."""

    path: str
    status: dict[str, str] | UnsetType = UNSET


class PluginsInfo(Wire, frozen=True, kw_only=True):
    """The drivers there are."""

    volume: list[str] = field(default_factory=lambda: ["local"])
    network: list[str] = field(default_factory=lambda: ["bridge", "host", "ipvlan", "macvlan", "null"])
    authorization: list[str] | None = None
    log: list[str] = field(default_factory=lambda: ["json-file", "local"])


class Commit(Wire, frozen=True, kw_only=True):
    """The version of a program that the engine uses, by its source's commit."""

    id: str = field(name="ID", default="")


class FirewallInfo(Wire, frozen=True, kw_only=True):
    """What filters and translates the containers' packets."""

    driver: str = "nftables"
    info: list[tuple[str, str]] | UnsetType = UNSET


class SwarmInfo(Wire, frozen=True, kw_only=True):
    """We are never in a swarm."""

    node_id: str = field(name="NodeID", default="")
    node_addr: str = ""
    local_node_state: str = "inactive"
    control_available: bool = False
    error: str = ""
    remote_managers: list[str] | None = None


class SystemInfo(Wire, frozen=True, kw_only=True):
    """Answer of `GET /info`."""

    id: str = field(name="ID", default="")
    containers: int = 0
    containers_running: int = 0
    containers_paused: int = 0
    containers_stopped: int = 0
    images: int = 0
    driver: str = "overlay2"
    driver_status: list[tuple[str, str]] = []
    docker_root_dir: str = ""
    plugins: PluginsInfo = PluginsInfo()
    memory_limit: bool = True
    swap_limit: bool = True
    kernel_memory_tcp: bool | UnsetType = field(name="KernelMemoryTCP", default=UNSET)
    kernel_memory: bool | UnsetType = UNSET
    bridge_nf_iptables: bool | UnsetType = field(name="BridgeNfIptables", default=UNSET)
    bridge_nf_ip6tables: bool | UnsetType = field(name="BridgeNfIp6tables", default=UNSET)
    cpu_cfs_period: bool = True
    cpu_cfs_quota: bool = True
    cpu_shares: bool = field(name="CPUShares", default=True)
    cpu_set: bool = field(name="CPUSet", default=True)
    pids_limit: bool = True
    oom_kill_disable: bool = True
    ipv4_forwarding: bool = field(name="IPv4Forwarding", default=True)
    debug: bool = False
    n_fd: int = field(name="NFd", default=0)
    n_goroutines: int = field(name="NGoroutines", default=0)
    system_time: str = ""
    logging_driver: str = "json-file"
    cgroup_driver: str = "cgroupfs"
    cgroup_version: str = "1"
    n_events_listener: int = field(name="NEventsListener", default=0)
    kernel_version: str = ""
    operating_system: str = ""
    os_version: str = field(name="OSVersion", default="")
    os_type: str = field(name="OSType", default="linux")
    architecture: str = ""
    index_server_address: str = "https://index.docker.io/v1/"
    registry_config: dict[str, object] | None = None
    n_cpu: int = field(name="NCPU", default=0)
    mem_total: int = 0
    generic_resources: list[object] | None = None
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    name: str = ""
    labels: list[str] = []
    experimental_build: bool = False
    server_version: str = ""
    runtimes: dict[str, RuntimeInfo] = {}
    default_runtime: str = "crun"
    swarm: SwarmInfo = SwarmInfo()
    live_restore_enabled: bool = True
    isolation: str = ""
    init_binary: str = ""
    containerd_commit: Commit = Commit()
    runc_commit: Commit = Commit()
    init_commit: Commit = Commit()
    security_options: list[str] = []
    firewall_backend: FirewallInfo = FirewallInfo()
    cdi_spec_dirs: list[str] = field(name="CDISpecDirs", default=[])
    warnings: list[str] | None = None
