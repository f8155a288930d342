"""Wishes about the host other than its limits: refused in Docker's words. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from engine.containers.life import restart
from engine.errors import BadRequest, EngineError, as_failure
from engine.runtime.oci.capabilities import unknown_capability
from engine.runtime.oci.security import parse_security_options
from engine.wire.containers import HostConfig, PortBinding

_HOST_GATEWAY: Final = "host-gateway"
_LAST_PORT: Final = 65535


def check_host(host: HostConfig, runtimes: Collection[str]) -> None:
    """Raise `BadRequest` for what no container can be; `runtimes` are the names of those that are installed."""
    restart.check(host.restart_policy, is_removed_at_exit=host.auto_remove)
    _check_network(host)
    for field, names in (("CapAdd", host.cap_add), ("CapDrop", host.cap_drop)):
        if unknown := unknown_capability(names):
            raise BadRequest(f'invalid {field}: unknown capability: "{unknown}"')
    with as_failure():
        parse_security_options(host.security_opt)
    if host.isolation not in ("", "default"):
        raise BadRequest(f"invalid isolation ({host.isolation}): linux only supports 'default'")
    if "" in host.annotations:
        raise BadRequest("invalid Annotations: the empty string is not permitted as an annotation key")
    if host.shm_size < 0:
        raise BadRequest("SHM size can not be less than 0")
    if not -1000 <= host.oom_score_adj <= 1000:
        raise BadRequest(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if host.cgroupns_mode not in ("", "private", "host"):
        raise BadRequest(f"invalid cgroup namespace mode: {host.cgroupns_mode}")
    _check_runtime(host.runtime, runtimes)
    _check_storage(host.storage_opt)


def _check_network(host: HostConfig) -> None:
    for entry in host.extra_hosts:
        _check_extra_host(entry)
    for address in host.dns:
        if not _is_address(address):
            raise BadRequest(f"bad nameserver address {address}: unable to parse IP")
    _check_ports(host.port_bindings)


def _check_extra_host(entry: str) -> None:
    name, _, address = entry.partition(":")
    if not name or ":" not in entry:
        raise BadRequest(f'bad format for add-host: "{entry}"')
    if address != _HOST_GATEWAY and not _is_address(address.removeprefix("[").removesuffix("]")):
        raise BadRequest(f'invalid IP address in add-host: "{address}"')


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _check_ports(bindings: Mapping[str, Sequence[PortBinding]]) -> None:
    for port, wishes in bindings.items():
        if not _is_port(port.partition("/")[0]):
            raise BadRequest(f'invalid port specification: "{port}"')
        for wish in wishes:
            first, dash, last = wish.host_port.partition("-")
            last = last if dash else first
            is_range = _is_port(first) and _is_port(last) and int(first) <= int(last)
            if wish.host_port and not is_range:
                raise BadRequest(f'invalid port specification: "{wish.host_port}"')


def _is_port(text: str) -> bool:
    # `isdecimal` is also true of digits that are not ASCII, and of texts too long to be read as a number.
    return text.isascii() and text.isdecimal() and len(text) < 6 and int(text) <= _LAST_PORT


def _check_runtime(name: str, runtimes: Collection[str]) -> None:
    if name and name not in runtimes:
        there = ", ".join(sorted(runtimes))
        raise BadRequest(f"unknown or invalid runtime name: {name}", hint=f"installed here: {there}" if there else None)


def _check_storage(options: Mapping[str, str]) -> None:
    """Quotas need a file system with project quotas, which nobody set up for us: refused, as Docker does elsewhere."""
    for key in options:
        if key.lower() != "size":
            raise EngineError(f"Unknown option {key}")
        raise EngineError("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
