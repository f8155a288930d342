"""A service (Compose Specification, 05-services.md), every attribute in its canonical long form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from compose.model.part import Part
from compose.model.tooling import CredentialSpec, Develop, Hook, ModelUse, Provider

Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]


class Dependency(Part, frozen=True):
    """One entry of `depends_on`."""

    condition: Condition = "service_started"
    restart: bool = False
    required: bool = True


class HealthCheck(Part, frozen=True):
    """`test` begins with NONE, CMD or CMD-SHELL; durations in ns, None is the engine's default."""

    test: tuple[str, ...] = ()
    interval: int | None = None
    timeout: int | None = None
    retries: int | None = None
    start_period: int | None = None
    start_interval: int | None = None
    disable: bool = False


class Port(Part, frozen=True):
    """A published port; `published` may be empty (any free port) or a range."""

    target: int
    published: str = ""
    host_ip: str = ""
    protocol: str = "tcp"
    mode: str = "ingress"
    name: str = ""
    app_protocol: str = ""


class BindMount(Part, frozen=True):
    """Options of a bind mount."""

    propagation: str = ""
    create_host_path: bool = True
    selinux: str = ""
    recursive: str = ""


class VolumeMount(Part, frozen=True):
    """Options of a volume mount."""

    nocopy: bool = False
    subpath: str = ""
    labels: Mapping[str, str] = {}


class TmpfsMount(Part, frozen=True):
    """Options of a tmpfs mount."""

    size: int = 0
    mode: int = 0


class ImageMount(Part, frozen=True):
    """Options of an image mount."""

    subpath: str = ""


class Mount(Part, frozen=True):
    """One entry of `volumes`. A bind's `source` is absolute, a volume's is its key in `Project.volumes`."""

    type: str
    target: str
    source: str = ""
    read_only: bool = False
    consistency: str = ""
    bind: BindMount | None = None
    volume: VolumeMount | None = None
    tmpfs: TmpfsMount | None = None
    image: ImageMount | None = None


class FileMount(Part, frozen=True):
    """A config or secret in a service; `source` is its key, `target` a path (secrets: below /run/secrets)."""

    source: str
    target: str = ""
    uid: str = ""
    gid: str = ""
    mode: int | None = None


class ServiceNetwork(Part, frozen=True):
    """A service's place in one network."""

    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    driver_opts: Mapping[str, str] = {}
    priority: int = 0
    gw_priority: int = 0
    interface_name: str = ""


class Ulimit(Part, frozen=True):
    """A resource limit; -1 is unlimited."""

    soft: int
    hard: int


class Device(Part, frozen=True):
    """A host device in the container."""

    source: str
    target: str = ""
    permissions: str = "rwm"


class DeviceRequest(Part, frozen=True):
    """Devices asked for by capability; `count` -1 is all."""

    capabilities: tuple[str, ...] = ()
    driver: str = ""
    count: int = 0
    device_ids: tuple[str, ...] = ()
    options: Mapping[str, str] = {}


class Logging(Part, frozen=True):
    """Log driver and its options."""

    driver: str = ""
    options: Mapping[str, str] = {}


class WeightDevice(Part, frozen=True):
    """Relative block IO weight of a device."""

    path: str
    weight: int


class ThrottleDevice(Part, frozen=True):
    """Block IO rate of a device, bytes or operations per second."""

    path: str
    rate: int


class BlkioConfig(Part, frozen=True):
    """Block IO limits."""

    weight: int = 0
    weight_device: tuple[WeightDevice, ...] = ()
    device_read_bps: tuple[ThrottleDevice, ...] = ()
    device_read_iops: tuple[ThrottleDevice, ...] = ()
    device_write_bps: tuple[ThrottleDevice, ...] = ()
    device_write_iops: tuple[ThrottleDevice, ...] = ()


class ResourceLimits(Part, frozen=True):
    """`deploy.resources.limits` or `.reservations`; CPUs as a number, memory in bytes."""

    cpus: float = 0
    memory: int = 0
    pids: int = 0
    devices: tuple[DeviceRequest, ...] = ()


class DeployRestart(Part, frozen=True):
    """`deploy.restart_policy`; `condition`: none, on-failure or any."""

    condition: str = ""
    delay: int | None = None
    max_attempts: int | None = None
    window: int | None = None


class Deploy(Part, frozen=True):
    """The parts of `deploy` that matter on one host."""

    mode: str = ""
    replicas: int | None = None
    labels: Mapping[str, str] = {}
    limits: ResourceLimits = ResourceLimits()
    reservations: ResourceLimits = ResourceLimits()
    restart_policy: DeployRestart | None = None


class Build(Part, frozen=True):
    """How to build a service's image."""

    context: str = ""
    dockerfile: str = ""
    dockerfile_inline: str = ""
    target: str = ""
    args: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    network: str = ""
    no_cache: bool = False
    pull: bool = False
    additional_contexts: Mapping[str, str] = {}
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()  # "name=address"
    isolation: str = ""
    privileged: bool = False
    provenance: str = ""
    sbom: str = ""
    secrets: tuple[FileMount, ...] = ()
    shm_size: int = 0
    ssh: tuple[str, ...] = ()  # "default" or "id=path"
    ulimits: Mapping[str, Ulimit] = {}


class Service(Part, frozen=True):
    """A service. Empty and None mean "not set": the image's or the engine's default holds.

    `command` and `entrypoint`: None inherits from the image, `()` clears. An `environment` value of None
    is a variable without a value: it is removed from the container's environment.
    `depends_on` also holds the implicit dependencies (links, volumes_from, namespaces of another service).
    """

    name: str
    image: str = ""
    build: Build | None = None
    annotations: Mapping[str, str] = {}
    attach: bool = True
    blkio_config: BlkioConfig | None = None
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    cgroup: str = ""
    cgroup_parent: str = ""
    command: tuple[str, ...] | None = None
    configs: tuple[FileMount, ...] = ()
    container_name: str = ""
    cpu_count: int = 0
    cpu_percent: float = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_rt_period: int = 0
    cpu_rt_runtime: int = 0
    cpu_shares: int = 0
    cpus: float = 0
    cpuset: str = ""
    credential_spec: CredentialSpec | None = None
    depends_on: Mapping[str, Dependency] = {}
    deploy: Deploy | None = None
    develop: Develop | None = None
    device_cgroup_rules: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    dns: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    domainname: str = ""
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str | None] = {}
    expose: tuple[str, ...] = ()
    external_links: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()  # "name=address"
    gpus: tuple[DeviceRequest, ...] = ()
    group_add: tuple[str, ...] = ()
    healthcheck: HealthCheck | None = None
    hostname: str = ""
    init: bool | None = None
    ipc: str = ""
    isolation: str = ""
    labels: Mapping[str, str] = {}
    links: tuple[str, ...] = ()
    logging: Logging | None = None
    mac_address: str = ""
    mem_limit: int = 0
    mem_reservation: int = 0
    mem_swappiness: int | None = None
    memswap_limit: int = 0
    models: Mapping[str, ModelUse] = {}
    network_mode: str = ""
    networks: Mapping[str, ServiceNetwork] = {}
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    pid: str = ""
    pids_limit: int = 0
    platform: str = ""
    ports: tuple[Port, ...] = ()
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    privileged: bool = False
    profiles: tuple[str, ...] = ()
    provider: Provider | None = None
    pull_policy: str = ""
    read_only: bool = False
    restart: str = ""
    runtime: str = ""
    scale: int = 1
    secrets: tuple[FileMount, ...] = ()
    security_opt: tuple[str, ...] = ()
    shm_size: int = 0
    stdin_open: bool = False
    stop_grace_period: int | None = None
    stop_signal: str = ""
    storage_opt: Mapping[str, str] = {}
    sysctls: Mapping[str, str] = {}
    tmpfs: tuple[str, ...] = ()
    tty: bool = False
    ulimits: Mapping[str, Ulimit] = {}
    use_api_socket: bool = False
    user: str = ""
    userns_mode: str = ""
    uts: str = ""
    volumes: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    working_dir: str = ""
