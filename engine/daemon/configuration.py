"""The daemon's own settings file, in the words of Docker's daemon.json.

What this engine does not honour is refused, never passed over: a setting that somebody relies on must not be missing
in silence. (Docker's own file, /etc/docker/daemon.json, belongs to another program: only its registries are read.)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.errors import BadRequest
from engine.wire.typed import from_json, from_plain

CONFIGURATION: Final = Path("/etc/pycompose/daemon.json")


class Proxies(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Proxies for registries."""

    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""

    def variables(self) -> dict[str, str]:
        """By the names of their environment variables."""
        values = {"HTTP_PROXY": self.http_proxy, "HTTPS_PROXY": self.https_proxy, "NO_PROXY": self.no_proxy}
        return {name: value for name, value in values.items() if value}


class AddressPool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range of addresses that networks without one of their own get subnets of, with `size` as prefix length."""

    base: str
    size: int


class RuntimeSetting(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An OCI runtime of the user's."""

    path: str = ""
    runtime_args: list[str] = []


class UlimitSetting(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A limit of processes; -1 is unlimited."""

    name: str = ""
    soft: int = 0
    hard: int = 0


class Configuration(msgspec.Struct, frozen=True, rename="kebab"):
    """What the file may say. An empty value is the same as none; options of the command line count more."""

    data_root: str = ""
    exec_root: str = ""
    hosts: list[str] = []
    group: str = ""
    tlsverify: bool = False
    tlscacert: str = ""
    tlscert: str = ""
    tlskey: str = ""
    debug: bool = False
    log_level: str = ""
    labels: list[str] = []
    proxies: Proxies = Proxies()
    registry_mirrors: list[str] = []
    insecure_registries: list[str] = []
    max_concurrent_downloads: int = 0
    max_concurrent_uploads: int = 0
    max_download_attempts: int = 0
    live_restore: bool = True
    default_address_pools: list[AddressPool] = []
    default_runtime: str = ""
    runtimes: dict[str, RuntimeSetting] = {}
    log_driver: str = ""
    log_opts: dict[str, str] = {}
    default_ulimits: dict[str, UlimitSetting] = {}
    default_shm_size: str | int = 0
    default_cgroupns_mode: str = ""
    default_ipc_mode: str = ""
    init: bool = False
    no_new_privileges: bool = False
    seccomp_profile: str = ""
    dns: list[str] = []
    dns_opts: list[str] = []
    dns_search: list[str] = []
    host_gateway_ip: str = ""
    host_gateway_ips: list[str] = []
    bip: str = ""
    mtu: int = 0
    icc: bool = True
    ip: str = ""
    shutdown_timeout: int = 0
    exec_opts: list[str] = []
    features: dict[str, bool] = {}
    experimental: bool | None = None

    def ulimits(self) -> list[tuple[str, UlimitSetting]]:
        """The limits by their names, in order."""
        return sorted(self.default_ulimits.items())


_USERNS: Final = "userns-remap"
KNOWN: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Configuration))


def read_configuration(path: Path, *, must_exist: bool = False) -> Configuration:
    """Read the file; one that is not there says nothing. Raises `BadRequest` naming the directive that is wrong."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        if must_exist:
            raise _refused(path, "there is no such file") from None
        return Configuration()
    except OSError as exc:
        raise _refused(path, exc.strerror or str(exc)) from exc
    try:
        document = from_json(text or b"{}", dict[str, Any])
        _check_names(path, document)
        found = from_plain(document, Configuration)
    except msgspec.DecodeError as exc:  # also a `ValidationError`, which names the place
        raise _refused(path, str(exc)) from exc
    check_labels(path, found.labels)
    _check_values(path, found)
    return found


def _check_values(path: Path, found: Configuration) -> None:
    if not found.live_restore:
        raise _refused(path, "live-restore: containers always live on after this engine")
    for option in found.exec_opts:
        if option != "native.cgroupdriver=cgroupfs":
            raise _refused(path, f"exec-opts: {option}: cgroups are made as files (native.cgroupdriver=cgroupfs)")


def check_labels(place: Path | str, labels: list[str]) -> None:
    """Labels are `key=value`, each key once. Raises `BadRequest`."""
    keys = [label.partition("=")[0] for label in labels]
    for label, key in zip(labels, keys, strict=True):
        if not key or "=" not in label:
            raise BadRequest(f"{place}: bad attribute format: {label}", hint="a label is key=value")
    if len(set(keys)) < len(keys):
        raise BadRequest(f"{place}: conflict labels for {', '.join(sorted({k for k in keys if keys.count(k) > 1}))}")


def _check_names(path: Path, document: Mapping[str, Any]) -> None:
    if document.get(_USERNS):
        raise _refused(path, f"{_USERNS}: all containers share layers as they are, with the host's user ids")
    if unknown := sorted(set(document) - KNOWN):
        raise BadRequest(
            f"unable to configure the engine with file {path}: the following directives don't match any "
            f"configuration option: {', '.join(unknown)}",
            hint=f"this engine honours: {', '.join(sorted(KNOWN))}",
        )


def _refused(path: Path, why: str) -> BadRequest:
    return BadRequest(f"unable to configure the engine with file {path}: {why}")
