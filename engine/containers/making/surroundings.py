"""What a container finds around its image's files: /etc/hosts and its siblings, and what it wants of networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from engine.containers.making.links import links_of
from engine.containers.record import ContainerRecord
from engine.network.names import hostfiles
from engine.network.records import EndpointRequest, Sandbox, SandboxRequest
from engine.runtime.oci.launch import OciMount
from engine.wire.containers import PortBinding
from engine.wire.networks import EndpointSettings

_ETC_FILES: Final = ("resolv.conf", "hostname", "hosts")


def etc_mounts(home: Path, taken: Iterable[str], *, is_read_only: bool = False) -> list[OciMount]:
    """The mounts of the generated files in `home` that the user did not replace, as writable as the root."""
    users = set(taken)
    options = ("rbind", "rprivate", "ro") if is_read_only else ("rbind", "rprivate")
    return [
        OciMount(f"/etc/{name}", str(home / name), "bind", options)
        for name in _ETC_FILES
        if f"/etc/{name}" not in users
    ]


def etc_files(home: Path, *, hosts: str, resolv_conf: str, hostname: str) -> dict[Path, str]:
    """The generated files in a container's directory, with their contents."""
    return {home / "hosts": hosts, home / "resolv.conf": resolv_conf, home / "hostname": f"{hostname}\n"}


def update_etc(home: Path, *, before: Sandbox, after: Sandbox) -> None:
    """Bring a living container's files up to date with its networks, in place; what was edited inside stays."""
    for name, old, new in (
        ("hosts", before.hosts, after.hosts),
        ("resolv.conf", before.resolv_conf, after.resolv_conf),
    ):
        if old == new:
            continue
        with (home / name).open("r+", encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
            changed = hostfiles.updated(text, old, new) if name == "hosts" else new if text == old else text
            file.seek(0)
            file.write(changed)
            file.truncate()


def host_etc(
    extra_hosts: Iterable[str], servers: Sequence[str] = (), search: Sequence[str] = (), options: Sequence[str] = ()
) -> tuple[str, str]:
    """The host's own hosts (with the container's additions) and resolv.conf (unless the container has other wishes),
    for a container in its network.
    """
    hosts = _text(Path("/etc/hosts"))
    for entry in extra_hosts:
        name, _, address = entry.partition(":" if ":" in entry else "=")
        hosts += f"{'127.0.0.1' if address == 'host-gateway' else address.strip('[]')}\t{name}\n"
    resolv_conf = _text(Path("/etc/resolv.conf"))
    if servers or search or options:
        host = hostfiles.parse_resolv_conf(resolv_conf)
        resolv_conf = hostfiles.direct_resolv_conf(host, servers, search, options)
    return hosts, resolv_conf


def sandbox_request(record: ContainerRecord, links: dict[str, str]) -> SandboxRequest:
    """What the container wants from its networks; `links` are addresses by name, on the default bridge."""
    host = record.host_config
    return SandboxRequest(
        container_id=record.id,
        container_name=record.name,
        hostname=_full_hostname(record),
        endpoints=tuple(
            EndpointRequest(name, _with_links(name, settings, record)) for name, settings in record.networks.items()
        ),
        ports=wanted_ports(record),
        dns=tuple(host.dns),
        dns_search=tuple(host.dns_search),
        dns_options=tuple(host.dns_options),
        extra_hosts=(*host.extra_hosts, *(f"{alias}:{address}" for alias, address in links.items())),
        sysctls={name: value for name, value in host.sysctls.items() if name.startswith("net.")},
    )


def _full_hostname(record: ContainerRecord) -> str:
    hostname = record.config.hostname or record.id[:12]
    return f"{hostname}.{record.config.domainname}" if record.config.domainname else hostname


def wanted_ports(record: ContainerRecord) -> dict[str, tuple[PortBinding, ...]]:
    """The ports to publish, `80/tcp` to its bindings."""
    wanted = {
        port if "/" in port else f"{port}/tcp": tuple(bindings)
        for port, bindings in record.host_config.port_bindings.items()
        if bindings
    }
    if record.host_config.publish_all_ports:
        for port in record.config.exposed_ports:
            wanted.setdefault(port if "/" in port else f"{port}/tcp", (PortBinding(),))
    return wanted


def _with_links(network: str, settings: EndpointSettings, record: ContainerRecord) -> EndpointSettings:
    links = record.host_config.links
    if not links or network == "bridge" or settings.links or links_of(record.host_config):
        return settings
    return msgspec.structs.replace(settings, links=links)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
