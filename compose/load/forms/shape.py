"""The shape of the canonical document: every attribute that the reference writes, and its kind."""

from __future__ import annotations

from typing import Any

from compose.errors import Location
from compose.load.forms.kinds import Always, Kept, Kind, Struct, list_of, map_of
from compose.load.forms.values import (
    BYTES,
    COMMAND,
    COUNT,
    DELAY,
    DURATION,
    FILE_MODE,
    FLAG,
    HOSTS,
    INTEGER,
    LABELS,
    LISTS,
    MAPPING,
    NATURAL,
    NATURAL_16,
    NATURAL_32,
    NUMBER,
    OPTIONS,
    PROCESSORS,
    RATE,
    SHOWN,
    SSH,
    TEST,
    TEXT,
    TEXT_MAPPING,
    TEXTS,
    VARIABLES,
    WHOLE,
)
from compose.load.report import Report

_LIMITS = Struct(soft=WHOLE, hard=WHOLE)


def _ulimit(value: Any, where: Location, report: Report) -> Any:
    if isinstance(value, dict):
        return _LIMITS(value, where, report)
    return WHOLE(value, where, report) or {}


FILE_MOUNTS = list_of(Struct(source=TEXT, target=TEXT, uid=TEXT, gid=TEXT, mode=Kept(FILE_MODE)))
ULIMITS = map_of(_ulimit)
HOOK = Struct(command=Always(COMMAND), user=TEXT, privileged=FLAG, working_dir=TEXT, environment=VARIABLES)
DEVICE_REQUESTS = list_of(Struct(capabilities=TEXTS, driver=TEXT, count=COUNT, device_ids=TEXTS, options=MAPPING))
BUILD = Struct(
    context=TEXT,
    dockerfile=TEXT,
    dockerfile_inline=TEXT,
    entitlements=TEXTS,
    args=VARIABLES,
    provenance=TEXT,
    sbom=TEXT,
    ssh=SSH,
    labels=LABELS,
    cache_from=TEXTS,
    cache_to=TEXTS,
    no_cache=FLAG,
    additional_contexts=MAPPING,
    pull=FLAG,
    extra_hosts=Kept(HOSTS),
    isolation=TEXT,
    network=TEXT,
    target=TEXT,
    secrets=FILE_MOUNTS,
    shm_size=BYTES,
    tags=TEXTS,
    ulimits=ULIMITS,
    platforms=TEXTS,
    privileged=FLAG,
)
DEVELOP = Struct(
    watch=list_of(
        Struct(
            path=Always(TEXT, ""),
            action=Always(TEXT, ""),
            target=TEXT,
            exec=Always(HOOK),
            include=TEXTS,
            ignore=TEXTS,
            initial_sync=FLAG,
        )
    )
)


def _titled(kind: Struct) -> Kind:
    """Return the kind with capitalised names: the reference writes block devices that way."""

    def read(value: Any, where: Location, report: Report) -> Any:
        return {name.title(): entry for name, entry in kind(value, where, report).items()}

    return read


_THROTTLES = list_of(_titled(Struct(path=Always(TEXT, ""), rate=Always(RATE, "0"))))
BLKIO = Struct(
    weight=NATURAL_16,
    weight_device=list_of(_titled(Struct(path=Always(TEXT, ""), weight=Always(NATURAL_16, 0)))),
    device_read_bps=_THROTTLES,
    device_read_iops=_THROTTLES,
    device_write_bps=_THROTTLES,
    device_write_iops=_THROTTLES,
)
_RESOURCE = Struct(
    cpus=PROCESSORS,
    memory=BYTES,
    pids=INTEGER,
    devices=DEVICE_REQUESTS,
    generic_resources=list_of(Struct(discrete_resource_spec=Struct(kind=Always(TEXT, ""), value=Always(INTEGER, 0)))),
)
_UPDATE = Struct(
    parallelism=Kept(NATURAL),
    delay=DELAY,
    failure_action=TEXT,
    monitor=DELAY,
    max_failure_ratio=NUMBER,
    order=TEXT,
)
DEPLOY = Struct(
    mode=TEXT,
    replicas=Kept(INTEGER),
    labels=LABELS,
    update_config=_UPDATE,
    rollback_config=_UPDATE,
    resources=Always(Struct(limits=_RESOURCE, reservations=_RESOURCE)),
    restart_policy=Struct(condition=TEXT, delay=Kept(DURATION), max_attempts=Kept(NATURAL), window=Kept(DURATION)),
    placement=Always(
        Struct(
            constraints=TEXTS,
            preferences=list_of(Struct(spread=TEXT)),
            max_replicas_per_node=NATURAL,
        ),
    ),
    endpoint_mode=TEXT,
)
HEALTHCHECK = Struct(
    test=TEST,
    timeout=Kept(DURATION),
    interval=Kept(DURATION),
    retries=Kept(NATURAL),
    start_period=Kept(DURATION),
    start_interval=Kept(DURATION),
    disable=FLAG,
)
SERVICE_NETWORK = Struct(
    aliases=TEXTS,
    driver_opts=OPTIONS,
    gw_priority=INTEGER,
    interface_name=TEXT,
    ipv4_address=TEXT,
    ipv6_address=TEXT,
    link_local_ips=TEXTS,
    mac_address=TEXT,
    priority=INTEGER,
)
PORTS = list_of(
    Struct(name=TEXT, mode=TEXT, host_ip=TEXT, target=NATURAL_32, published=TEXT, protocol=TEXT, app_protocol=TEXT)
)
MOUNTS = list_of(
    Struct(
        type=TEXT,
        source=TEXT,
        target=TEXT,
        read_only=FLAG,
        consistency=TEXT,
        bind=Struct(selinux=TEXT, propagation=TEXT, create_host_path=FLAG, recursive=TEXT),
        volume=Struct(labels=MAPPING, nocopy=FLAG, subpath=TEXT),
        tmpfs=Struct(size=BYTES, mode=NATURAL_32),
        image=Struct(subpath=TEXT),
    )
)
SERVICE = Struct(
    profiles=TEXTS,
    annotations=MAPPING,
    attach=Kept(FLAG),
    build=BUILD,
    develop=DEVELOP,
    blkio_config=BLKIO,
    cap_add=TEXTS,
    cap_drop=TEXTS,
    cgroup_parent=TEXT,
    cgroup=TEXT,
    cpu_count=INTEGER,
    cpu_percent=NUMBER,
    cpu_period=INTEGER,
    cpu_quota=INTEGER,
    cpu_rt_period=INTEGER,
    cpu_rt_runtime=INTEGER,
    cpus=NUMBER,
    cpuset=TEXT,
    cpu_shares=INTEGER,
    command=Always(COMMAND),
    configs=FILE_MOUNTS,
    container_name=TEXT,
    credential_spec=Struct(config=TEXT, file=TEXT, registry=TEXT),
    depends_on=map_of(Struct(condition=TEXT, restart=FLAG, required=Always(FLAG, False))),
    deploy=DEPLOY,
    device_cgroup_rules=TEXTS,
    devices=list_of(Struct(source=TEXT, target=TEXT, permissions=TEXT)),
    dns=TEXTS,
    dns_opt=TEXTS,
    dns_search=TEXTS,
    domainname=TEXT,
    entrypoint=Always(COMMAND),
    provider=Struct(type=TEXT, options=LISTS),
    environment=VARIABLES,
    env_file=list_of(Struct(path=TEXT, required=Always(FLAG, False), format=TEXT)),
    expose=SHOWN,
    extends=Struct(file=TEXT, service=TEXT),
    external_links=TEXTS,
    extra_hosts=Kept(HOSTS),
    group_add=TEXTS,
    gpus=DEVICE_REQUESTS,
    hostname=TEXT,
    healthcheck=HEALTHCHECK,
    image=TEXT,
    init=Kept(FLAG),
    ipc=TEXT,
    isolation=TEXT,
    labels=LABELS,
    label_file=TEXTS,
    links=TEXTS,
    logging=Struct(driver=TEXT, options=OPTIONS),
    mem_limit=BYTES,
    mem_reservation=BYTES,
    memswap_limit=BYTES,
    mem_swappiness=BYTES,
    mac_address=TEXT,
    models=map_of(Struct(endpoint_var=TEXT, model_var=TEXT)),
    network_mode=TEXT,
    networks=map_of(SERVICE_NETWORK),
    oom_kill_disable=FLAG,
    oom_score_adj=INTEGER,
    pid=TEXT,
    pids_limit=INTEGER,
    platform=TEXT,
    ports=PORTS,
    privileged=FLAG,
    pull_policy=TEXT,
    read_only=FLAG,
    restart=TEXT,
    runtime=TEXT,
    scale=Kept(INTEGER),
    secrets=FILE_MOUNTS,
    security_opt=TEXTS,
    shm_size=BYTES,
    stdin_open=FLAG,
    stop_grace_period=Kept(DURATION),
    stop_signal=TEXT,
    storage_opt=TEXT_MAPPING,
    sysctls=MAPPING,
    tmpfs=TEXTS,
    tty=FLAG,
    ulimits=ULIMITS,
    use_api_socket=FLAG,
    user=TEXT,
    userns_mode=TEXT,
    uts=TEXT,
    volumes=MOUNTS,
    volumes_from=TEXTS,
    working_dir=TEXT,
    post_start=list_of(HOOK),
    pre_stop=list_of(HOOK),
)
NETWORK = Struct(
    name=TEXT,
    driver=TEXT,
    driver_opts=OPTIONS,
    ipam=Always(
        Struct(driver=TEXT, config=list_of(Struct(subnet=TEXT, gateway=TEXT, ip_range=TEXT, aux_addresses=MAPPING))),
    ),
    external=FLAG,
    internal=FLAG,
    attachable=FLAG,
    labels=LABELS,
    enable_ipv4=Kept(FLAG),
    enable_ipv6=Kept(FLAG),
)
VOLUME = Struct(name=TEXT, driver=TEXT, driver_opts=OPTIONS, external=FLAG, labels=LABELS)
FILE_OBJECT = Struct(
    name=TEXT,
    file=TEXT,
    environment=TEXT,
    content=TEXT,
    external=FLAG,
    labels=LABELS,
    driver=TEXT,
    driver_opts=TEXT_MAPPING,
    template_driver=TEXT,
)
MODEL = Struct(name=TEXT, model=TEXT, context_size=INTEGER, runtime_flags=TEXTS)
SECTIONS = {
    "networks": NETWORK,
    "volumes": VOLUME,
    "secrets": FILE_OBJECT,
    "configs": FILE_OBJECT,
    "models": MODEL,
}
