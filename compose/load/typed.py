"""The parts of a service with a type of their own, from their canonical entries; the values are right already."""

from __future__ import annotations

from typing import Any

from compose.load.document import Entry
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
    ImageMount,
    Logging,
    Mount,
    Port,
    ResourceLimits,
    ServiceNetwork,
    ThrottleDevice,
    TmpfsMount,
    Ulimit,
    VolumeMount,
    WeightDevice,
)
from compose.model.tooling import CredentialSpec, Develop, Hook, ModelUse, Provider, WatchRule
from compose.model.units import parse_duration

# A bind mount makes the directory of the host, unless it has options and does not ask for it among them.
BIND_OPTIONS: Entry = {"create_host_path": False}


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
    return FileMount(
        source=entry.get("source", ""), **texts, mode=None if mode is None else int(mode[1:], 8)
    )  # `0-1` is -1


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
    return tuple(_hook(entry) for entry in entries)


def _hook(entry: Entry) -> Hook:
    full: Entry = {**entry, "command": tuple(entry["command"] or ())}
    return Hook(**full)


def _develop(entry: Entry | None) -> Develop | None:
    return None if entry is None else Develop(tuple(_watch_rule(rule) for rule in entry.get("watch", ())))


def _watch_rule(entry: Entry) -> WatchRule:
    full: Entry = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    hook: Entry = entry.get("exec") or {}  # always written, also without a command
    full["exec"] = _hook(hook) if hook.get("command") else None
    return WatchRule(**full)


def _provider(entry: Entry | None) -> Provider | None:
    if entry is None:
        return None
    return Provider(entry.get("type", ""), {key: tuple(values) for key, values in entry.get("options", {}).items()})


def _model_uses(entries: dict[str, Entry | None] | None) -> dict[str, ModelUse] | None:
    return None if entries is None else {name: ModelUse(**(entry or {})) for name, entry in entries.items()}


def _credential_spec(entry: Entry | None) -> CredentialSpec | None:
    return None if entry is None else CredentialSpec(**entry)


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


READERS: dict[str, Any] = {
    "build": _build,
    "blkio_config": _blkio,
    "command": _tuple,
    "configs": _file_mounts,
    "credential_spec": _credential_spec,
    "depends_on": _depends_on,
    "deploy": _deploy,
    "develop": _develop,
    "devices": _devices,
    "entrypoint": _tuple,
    "gpus": _device_requests,
    "healthcheck": _healthcheck,
    "logging": _logging,
    "models": _model_uses,
    "networks": _networks,
    "ports": _ports,
    "post_start": _hooks,
    "pre_stop": _hooks,
    "provider": _provider,
    "secrets": _file_mounts,
    "stop_grace_period": _nanoseconds,
    "ulimits": _ulimits,
    "volumes": _mounts,
}
