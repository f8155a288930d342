"""Canonical parts to the typed project of `compose.model`; the values are right already, here they get their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose.load.document import Entry
from compose.model.project import FileObject, Ipam, IpamPool, Network, Volume
from compose.model.service import (
    BindMount,
    BlkioConfig,
    Build,
    Dependency,
    Deploy,
    DeployRestart,
    Device,
    DeviceRequest,
    FileMount,
    HealthCheck,
    Hook,
    ImageMount,
    Logging,
    Mount,
    Port,
    ResourceLimits,
    Service,
    ServiceNetwork,
    ThrottleDevice,
    TmpfsMount,
    Ulimit,
    VolumeMount,
    WeightDevice,
)
from compose.model.units import parse_duration

# Attributes that the model takes over as they are, and lists of texts that it takes over as tuples.
PLAIN = (
    "annotations",
    "attach",
    "cgroup",
    "cgroup_parent",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "domainname",
    "environment",
    "hostname",
    "image",
    "init",
    "ipc",
    "isolation",
    "labels",
    "mac_address",
    "network_mode",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "privileged",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "stdin_open",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tty",
    "user",
    "userns_mode",
    "uts",
    "working_dir",
)
TEXTS = (
    "cap_add",
    "cap_drop",
    "device_cgroup_rules",
    "dns",
    "dns_opt",
    "dns_search",
    "expose",
    "external_links",
    "extra_hosts",
    "group_add",
    "links",
    "profiles",
    "security_opt",
    "tmpfs",
    "volumes_from",
)
SIZES = ("mem_limit", "mem_reservation", "memswap_limit", "shm_size", "mem_swappiness")


# A bind mount makes the directory of the host, unless it has options and does not ask for it among them.
BIND_OPTIONS: Entry = {"create_host_path": False}


def bind_service(name: str, entry: Entry) -> Service:
    """Return the typed service of a canonical entry."""
    values: dict[str, Any] = {key: entry[key] for key in PLAIN if key in entry}
    values.update({key: tuple(entry[key]) for key in TEXTS if key in entry})
    values.update({key: int(entry[key]) for key in SIZES if key in entry})
    values.update({key: bound for key, read in SERVICE.items() if (bound := read(entry.get(key))) is not None})
    deploy = entry.get("deploy", {})
    values["scale"] = entry.get("scale", deploy.get("replicas", 1))
    return Service(name=name, **values)


def _tuple(value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _nanoseconds(value: str | None) -> int | None:
    return None if value is None else parse_duration(value)


def _build(entry: Entry | None) -> Build | None:
    if entry is None:
        return None
    texts = ("tags", "platforms", "cache_from", "cache_to", "extra_hosts", "entitlements", "ssh")
    plain = (
        "context",
        "dockerfile",
        "dockerfile_inline",
        "target",
        "args",
        "labels",
        "network",
        "no_cache",
        "pull",
        "additional_contexts",
        "isolation",
        "privileged",
        "provenance",
        "sbom",
    )
    values: dict[str, Any] = {key: entry[key] for key in plain if key in entry}
    values.update({key: tuple(entry[key]) for key in texts if key in entry})
    return Build(
        **values,
        secrets=_file_mounts(entry.get("secrets")) or (),
        shm_size=int(entry.get("shm_size", 0)),
        ulimits=_ulimits(entry.get("ulimits")) or {},
    )


def _blkio(entry: Entry | None) -> BlkioConfig | None:
    if entry is None:
        return None

    def throttles(key: str) -> tuple[ThrottleDevice, ...]:
        return tuple(ThrottleDevice(device["Path"], int(device["Rate"])) for device in entry.get(key, ()))

    return BlkioConfig(
        weight=entry.get("weight", 0),
        weight_device=tuple(
            WeightDevice(device["Path"], device["Weight"]) for device in entry.get("weight_device", ())
        ),
        device_read_bps=throttles("device_read_bps"),
        device_read_iops=throttles("device_read_iops"),
        device_write_bps=throttles("device_write_bps"),
        device_write_iops=throttles("device_write_iops"),
    )


def _file_mounts(entries: list[Entry] | None) -> tuple[FileMount, ...] | None:
    return None if entries is None else tuple(_file_mount(entry) for entry in entries)


def _file_mount(entry: Entry) -> FileMount:
    mode = entry.get("mode")
    texts = {key: entry[key] for key in ("target", "uid", "gid") if key in entry}
    return FileMount(source=entry.get("source", ""), **texts, mode=None if mode is None else int(mode, 8))


def _depends_on(entries: dict[str, Entry] | None) -> dict[str, Dependency] | None:
    return None if entries is None else {name: Dependency(**entry) for name, entry in entries.items()}


def _limits(entry: Entry | None) -> ResourceLimits:
    if entry is None:
        return ResourceLimits()
    return ResourceLimits(
        cpus=entry.get("cpus", 0),
        memory=int(entry.get("memory", 0)),
        pids=entry.get("pids", 0),
        devices=_device_requests(entry.get("devices")) or (),
    )


def _deploy(entry: Entry | None) -> Deploy | None:
    if entry is None:
        return None
    restart = entry.get("restart_policy")
    return Deploy(
        mode=entry.get("mode", ""),
        replicas=entry.get("replicas"),
        labels=entry.get("labels", {}),
        limits=_limits(entry["resources"].get("limits")),
        reservations=_limits(entry["resources"].get("reservations")),
        restart_policy=None
        if restart is None
        else DeployRestart(
            condition=restart.get("condition", ""),
            delay=_nanoseconds(restart.get("delay")),
            max_attempts=restart.get("max_attempts"),
            window=_nanoseconds(restart.get("window")),
        ),
    )


def _devices(entries: list[Entry] | None) -> tuple[Device, ...] | None:
    return None if entries is None else tuple(Device(**{"source": "", **entry}) for entry in entries)


def _device_requests(entries: list[Entry] | None) -> tuple[DeviceRequest, ...] | None:
    if entries is None:
        return None
    return tuple(
        DeviceRequest(
            capabilities=tuple(entry.get("capabilities", ())),
            driver=entry.get("driver", ""),
            count=entry.get("count", 0),
            device_ids=tuple(entry.get("device_ids", ())),
            options=entry.get("options", {}),
        )
        for entry in entries
    )


def _healthcheck(entry: Entry | None) -> HealthCheck | None:
    if entry is None:
        return None
    return HealthCheck(
        test=tuple(entry.get("test", ())),
        interval=_nanoseconds(entry.get("interval")),
        timeout=_nanoseconds(entry.get("timeout")),
        retries=entry.get("retries"),
        start_period=_nanoseconds(entry.get("start_period")),
        start_interval=_nanoseconds(entry.get("start_interval")),
        disable=entry.get("disable", False),
    )


def _logging(entry: Entry | None) -> Logging | None:
    return None if entry is None else Logging(entry.get("driver", ""), entry.get("options", {}))


def _networks(entries: dict[str, Entry | None] | None) -> dict[str, ServiceNetwork] | None:
    if entries is None:
        return None
    return {name: _service_network(entry or {}) for name, entry in entries.items()}


def _service_network(entry: Entry) -> ServiceNetwork:
    lists: Entry = {key: tuple(entry[key]) for key in ("aliases", "link_local_ips") if key in entry}
    return ServiceNetwork(**{**entry, **lists})


def _ports(entries: list[Entry] | None) -> tuple[Port, ...] | None:
    if entries is None:
        return None
    # Annotated, or the union of the values' types would be asked of each parameter.
    full: list[Entry] = [{"target": 0, **entry} for entry in entries]
    return tuple(Port(**entry) for entry in full)


def _hooks(entries: list[Entry] | None) -> tuple[Hook, ...] | None:
    if entries is None:
        return None
    full: list[Entry] = [{**entry, "command": tuple(entry["command"] or ())} for entry in entries]
    return tuple(Hook(**entry) for entry in full)


def _ulimits(entries: dict[str, Any] | None) -> dict[str, Ulimit] | None:
    if entries is None:
        return None
    return {
        name: Ulimit(limit, limit) if isinstance(limit, int) else Ulimit(limit.get("soft", 0), limit.get("hard", 0))
        for name, limit in entries.items()
    }


def _mounts(entries: list[Entry] | None) -> tuple[Mount, ...] | None:
    return None if entries is None else tuple(_mount(entry) for entry in entries)


def _mount(entry: Entry) -> Mount:
    bind, tmpfs = entry.get("bind"), entry.get("tmpfs")
    if bind is not None:
        bind = BindMount(**{**BIND_OPTIONS, **bind})
    return Mount(
        type=entry.get("type", ""),
        target=entry.get("target", ""),
        source=entry.get("source", ""),
        read_only=entry.get("read_only", False),
        consistency=entry.get("consistency", ""),
        bind=bind,
        volume=None if entry.get("volume") is None else VolumeMount(**entry["volume"]),
        tmpfs=None if tmpfs is None else TmpfsMount(int(tmpfs.get("size", 0)), tmpfs.get("mode", 0)),
        image=None if entry.get("image") is None else ImageMount(**entry["image"]),
    )


SERVICE: dict[str, Any] = {
    "build": _build,
    "blkio_config": _blkio,
    "command": _tuple,
    "configs": _file_mounts,
    "depends_on": _depends_on,
    "deploy": _deploy,
    "devices": _devices,
    "entrypoint": _tuple,
    "gpus": _device_requests,
    "healthcheck": _healthcheck,
    "logging": _logging,
    "networks": _networks,
    "ports": _ports,
    "post_start": _hooks,
    "pre_stop": _hooks,
    "secrets": _file_mounts,
    "stop_grace_period": _nanoseconds,
    "ulimits": _ulimits,
    "volumes": _mounts,
}


def bind_network(key: str, entry: Entry) -> Network:
    """Return the typed network of a canonical entry."""
    ipam = entry.get("ipam", {})
    pools = tuple(IpamPool(**pool) for pool in ipam.get("config", ()))
    typed = Ipam(driver=ipam.get("driver", ""), config=pools)
    full: Entry = {"name": key, **entry, "key": key, "ipam": typed}
    return Network(**full)


def bind_volume(key: str, entry: Entry) -> Volume:
    """Return the typed volume of a canonical entry."""
    full: Entry = {"name": key, **entry, "key": key}
    return Volume(**full)


def bind_file_object(key: str, entry: Entry, environment: Mapping[str, str]) -> FileObject:
    """Return the typed config or secret of a canonical entry; one from a variable has its content."""
    content = entry.get("content")
    if content is None and "environment" in entry:
        content = environment.get(entry["environment"])
    full: Entry = {"name": key, **entry, "key": key, "content": content}
    return FileObject(**full)
