"""A container as the API shows it. Pure: what changes outside the record comes as an argument."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, Struct

from engine.containers.life import health
from engine.containers.life.lifecycle import ACTIVE, Status
from engine.containers.making import namespaces
from engine.containers.making.config import process_arguments
from engine.containers.record import ContainerRecord, MountRecord
from engine.containers.streams.logs import LOG_NAME
from engine.network.records import Sandbox
from engine.runtime.oci.security import parse_security_options
from engine.wire.containers import (
    ContainerConfig,
    ContainerInspect,
    ContainerState,
    DriverData,
    Health,
    NetworkSettings,
    PortBinding,
)
from engine.wire.networks import EndpointSettings
from engine.wire.summaries import ContainerSummary, MountPoint, PortSummary, SummaryHostConfig, SummaryNetworkSettings
from engine.wire.times import ZERO, rfc3339

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_UNKNOWN: Final = health.Condition()


class Now(Struct, frozen=True):
    """What is true of a container at this moment, beside its record."""

    time_ns: int
    home: Path
    volumes: Path
    condition: health.Condition = _UNKNOWN
    sandbox: Sandbox | None = None
    network_ids: tuple[tuple[str, str], ...] = ()
    exec_ids: Sequence[str] = ()
    below: Sequence[Path] = ()
    has_apparmor: bool = False
    second_names: Sequence[str] = ()
    links: Sequence[str] = ()


def inspection(record: ContainerRecord, now: Now) -> ContainerInspect:
    """`GET /containers/{id}/json`."""
    arguments = process_arguments(record.config)
    return ContainerInspect(
        id=record.id,
        created=rfc3339(record.created_ns),
        path=arguments[0],
        args=list(arguments[1:]),
        state=state_of(record, now),
        image=record.image_id,
        resolv_conf_path=str(now.home / "resolv.conf"),
        hostname_path=str(now.home / "hostname"),
        hosts_path=str(now.home / "hosts"),
        log_path=str(now.home / LOG_NAME) if record.host_config.log_config.type == "json-file" else "",
        name=f"/{record.name}",
        restart_count=record.restart_count,
        platform=record.platform,
        app_armor_profile=_apparmor(record, now),
        exec_ids=list(now.exec_ids) or None,
        host_config=msgspec.structs.replace(record.host_config, links=list(now.links)),
        graph_driver=DriverData(data=_driver_data(record, now)),
        mounts=mount_points(record, now.volumes),
        config=_config(record),
        network_settings=network_settings(record, now),
    )


def summary(record: ContainerRecord, now: Now) -> ContainerSummary:
    """One entry of `GET /containers/json`."""
    return ContainerSummary(
        id=record.id,
        names=[f"/{name}" for name in (record.name, *now.second_names)],
        image=record.image,
        image_id=record.image_id,
        command=" ".join(_quoted(word) for word in process_arguments(record.config)),
        created=record.created_ns // 1_000_000_000,
        ports=port_list(record, now.sandbox),
        labels=record.config.labels,
        state=record.status.value,
        status=status_text(record, now.time_ns),
        host_config=SummaryHostConfig(
            network_mode=record.host_config.network_mode, annotations=record.host_config.annotations or UNSET
        ),
        network_settings=SummaryNetworkSettings(
            networks={
                name: msgspec.structs.replace(settings, dns_names=None)
                for name, settings in _networks(record, now).items()
            }
        ),
        mounts=mount_points(record, now.volumes, is_listing=True),
    )


def state_of(record: ContainerRecord, now: Now) -> ContainerState:
    """`State` of the inspection. A container that waits for its restart counts as running, as in Docker."""
    condition = now.condition
    probed = Health(status=record.health, failing_streak=condition.failing_streak, log=list(condition.log))
    return ContainerState(
        status=record.status.value,
        running=record.status in ACTIVE,
        paused=record.status is Status.PAUSED,
        restarting=record.status is Status.RESTARTING,
        oom_killed=record.is_oom_killed,
        dead=record.status is Status.DEAD,
        pid=record.pid,
        exit_code=record.exit_code,
        error=record.error,
        started_at=_time(record.started_ns),
        finished_at=_time(record.finished_ns),
        health=probed if record.health else UNSET,
    )


def status_text(record: ContainerRecord, now_ns: int) -> str:
    """The status for people: `Up 2 minutes (healthy)`, `Exited (0) 3 seconds ago`."""
    up = f"Up {duration_text((now_ns - record.started_ns) // 1_000_000_000)}"
    ago = f"({record.exit_code}) {duration_text((now_ns - record.finished_ns) // 1_000_000_000)} ago"
    match record.status:
        case Status.CREATED:
            return "Created"
        case Status.RUNNING:
            words = {health.STARTING: "health: starting"}.get(record.health, record.health)
            return f"{up} ({words})" if words else up
        case Status.PAUSED:
            return f"{up} (Paused)"
        case Status.RESTARTING:
            return f"Restarting {ago}"
        case Status.EXITED:
            return f"Exited {ago}"
        case Status.REMOVING:
            return "Removal In Progress"
        case Status.DEAD:
            return "Dead"


def duration_text(seconds: int) -> str:
    """Docker's rough durations: `Less than a second`, `About a minute`, `3 hours`, `2 weeks` …"""
    for limit, text in ((1, "Less than a second"), (2, "1 second")):
        if seconds < limit:
            return text
    minutes, hours = seconds // _MINUTE, (seconds + _HOUR // 2) // _HOUR
    days = hours // 24
    table = (
        (seconds < _MINUTE, f"{seconds} seconds"),
        (minutes == 1, "About a minute"),
        (minutes < 60, f"{minutes} minutes"),
        (hours == 1, "About an hour"),
        (hours < 48, f"{hours} hours"),
        (days < 14, f"{days} days"),
        (days < 60, f"{days // 7} weeks"),
        (days < 730, f"{days // 30} months"),
    )
    return next((text for holds, text in table if holds), f"{days // 365} years")


def port_list(record: ContainerRecord, sandbox: Sandbox | None) -> list[PortSummary]:
    """The ports of a listing: published ones with their host side, the exposed others without."""
    bound = sandbox.ports if sandbox else {}
    found: list[PortSummary] = []
    for port in sorted({*_reachable(record, sandbox), *bound}, key=_port_key):
        number, kind = _port(port)
        bindings = bound.get(port) or []
        for binding in bindings:
            found.append(
                PortSummary(ip=binding.host_ip, private_port=number, public_port=int(binding.host_port), type=kind)
            )
        # A range (`8000-8010/tcp`) has no single number to show.
        if not bindings and number:
            found.append(PortSummary(private_port=number, type=kind))
    return found if record.status in ACTIVE else []


def _reachable(record: ContainerRecord, sandbox: Sandbox | None) -> list[str]:
    """The exposed ports of a container on a network that could publish them; elsewhere none are shown."""
    return _exposed(record) if sandbox is None or sandbox.can_publish else []


def _exposed(record: ContainerRecord) -> list[str]:
    """The exposed ports with their protocols: `80` and `80/tcp` are one, though the configuration keeps both."""
    return list(dict.fromkeys(port if "/" in port else f"{port}/tcp" for port in record.config.exposed_ports))


def mount_points(record: ContainerRecord, volumes: Path, *, is_listing: bool = False) -> list[MountPoint]:
    """`Mounts` of the inspection. A tmpfs of `--tmpfs` is not among them, one of `--mount` is, as in Docker.

    A listing does not tell where anonymous volumes are.
    """
    return [
        _mount_point(mount, volumes, has_place=not (is_listing and mount.is_anonymous))
        for mount in record.mounts
        if mount.kind != "tmpfs" or mount.destination not in record.host_config.tmpfs
    ]


def network_settings(record: ContainerRecord, now: Now) -> NetworkSettings:
    """`NetworkSettings`: as the sandbox is now, or the wishes of a container that does not run."""
    networks = _networks(record, now)
    bridge = networks.get("bridge", EndpointSettings())
    ports: dict[str, list[PortBinding] | None] = {}
    if now.sandbox is not None:
        ports = dict.fromkeys(_reachable(record, now.sandbox))
        ports.update({port: bindings or None for port, bindings in now.sandbox.ports.items()})
    return NetworkSettings(
        sandbox_id=record.id if now.sandbox else "",
        sandbox_key=now.sandbox.namespace if now.sandbox else "",
        ports=ports,
        endpoint_id=bridge.endpoint_id,
        gateway=bridge.gateway,
        global_ipv6_address=bridge.global_ipv6_address,
        global_ipv6_prefix_len=bridge.global_ipv6_prefix_len,
        ipv6_gateway=bridge.ipv6_gateway,
        ip_address=bridge.ip_address,
        ip_prefix_len=bridge.ip_prefix_len,
        mac_address=bridge.mac_address,
        networks=networks,
    )


def _networks(record: ContainerRecord, now: Now) -> dict[str, EndpointSettings]:
    if now.sandbox is not None and now.sandbox.networks:
        return now.sandbox.networks
    # A container that never ran has been on no network yet.
    ids = dict(now.network_ids) if record.started_ns else {}
    mode = namespaces.modes_of(record.host_config).network
    names = record.networks or ({mode: EndpointSettings()} if mode in ("host", "none") else {})
    return {
        name: msgspec.structs.replace(
            wish,
            network_id=wish.network_id or ids.get(name, ""),
            endpoint_id=_endpoint_id(record, name) if mode in ("host", "none") else wish.endpoint_id,
            # A wish until the first start; then an address of an interface, which has gone.
            mac_address="" if record.started_ns else wish.mac_address,
        )
        for name, wish in names.items()
    }


def _endpoint_id(record: ContainerRecord, network: str) -> str:
    """A name for a running container's place in a network that takes nothing of the kernel, another at each start."""
    text = f"{record.id} {network} {record.started_ns}"
    return hashlib.sha256(text.encode()).hexdigest() if record.pid else ""


def _apparmor(record: ContainerRecord, now: Now) -> str:
    """The profile that is wished for until the first start, then the one that this machine could give."""
    wish = parse_security_options(record.host_config.security_opt).apparmor
    return wish if now.has_apparmor or not record.started_ns else ""


def _config(record: ContainerRecord) -> ContainerConfig:
    """The configuration with the MAC address that was asked for, wherever that was."""
    first = next(iter(record.networks.values()), EndpointSettings())
    if record.config.mac_address or not first.mac_address:
        return record.config
    return msgspec.structs.replace(record.config, mac_address=first.mac_address)


def _mount_point(mount: MountRecord, volumes: Path, *, has_place: bool) -> MountPoint:
    is_volume = mount.kind == "volume"
    source = str(volumes / mount.name / "_data") if is_volume else mount.source
    return MountPoint(
        type=mount.kind,
        name=mount.name if is_volume else UNSET,
        source=source if has_place else "",
        destination=mount.destination,
        driver="local" if is_volume else UNSET,
        mode=mount.mode,
        rw=not mount.is_read_only,
        propagation=mount.propagation,
    )


def _port(port: str) -> tuple[int, str]:
    number, _, kind = port.partition("/")
    return int(number) if number.isdecimal() else 0, kind or "tcp"


def _port_key(port: str) -> tuple[int, str]:
    return _port(port)


def _time(time_ns: int) -> str:
    return rfc3339(time_ns) if time_ns else ZERO


def _driver_data(record: ContainerRecord, now: Now) -> dict[str, str]:
    return {
        "ID": record.id,
        "LowerDir": ":".join(str(layer) for layer in reversed(now.below)),
        "MergedDir": str(now.home / "rootfs"),
        "UpperDir": str(now.home / "upper"),
        "WorkDir": str(now.home / "work"),
    }


def _quoted(word: str) -> str:
    return f"'{word}'" if any(char.isspace() for char in word) else word
