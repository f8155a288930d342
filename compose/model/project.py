"""The whole project and its top-level resources (Compose Specification, 02 to 09)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compose.model.service import Service


@dataclass(frozen=True, slots=True)
class IpamPool:
    """One address range of a network."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    aux_addresses: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Ipam:
    """Address management of a network."""

    driver: str = ""
    config: tuple[IpamPool, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Network:
    """A network. `key` is its name in the file, `name` its name on the engine."""

    key: str
    name: str
    driver: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict[str, str])
    ipam: Ipam = Ipam()
    external: bool = False
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Volume:
    """A named volume. `key` is its name in the file, `name` its name on the engine."""

    key: str
    name: str
    driver: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict[str, str])
    external: bool = False
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class FileObject:
    """A config or a secret: exactly one of `file` (absolute path), `content`, `environment` or `external`."""

    key: str
    name: str
    file: str = ""
    content: str | None = None
    environment: str = ""
    external: bool = False
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    driver: str = ""
    driver_opts: Mapping[str, str] = field(default_factory=dict[str, str])
    template_driver: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A project: every mapping is keyed by the name in the file and is in file order.

    `services` holds the enabled ones only; `disabled` those whose profile is off. `environment` is what
    interpolation saw (shell over .env). `warnings` are for the user's eyes, one line each. The resources are all that
    the files declare; `compose.graph.graph.select_services` leaves those that the services in question use.
    """

    name: str
    working_dir: str
    compose_files: tuple[str, ...]
    services: Mapping[str, Service]
    disabled: Mapping[str, Service] = field(default_factory=dict[str, Service])
    networks: Mapping[str, Network] = field(default_factory=dict[str, Network])
    volumes: Mapping[str, Volume] = field(default_factory=dict[str, Volume])
    configs: Mapping[str, FileObject] = field(default_factory=dict[str, FileObject])
    secrets: Mapping[str, FileObject] = field(default_factory=dict[str, FileObject])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    environment_files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
