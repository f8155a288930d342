"""The whole project and its top-level resources (Compose Specification, 02 to 09)."""

from __future__ import annotations

from collections.abc import Mapping

from compose.model.part import Part
from compose.model.service import Service
from compose.model.tooling import Model


class IpamPool(Part, frozen=True):
    """One address range of a network."""

    subnet: str = ""
    ip_range: str = ""
    gateway: str = ""
    aux_addresses: Mapping[str, str] = {}


class Ipam(Part, frozen=True):
    """Address management of a network."""

    driver: str = ""
    config: tuple[IpamPool, ...] = ()
    options: Mapping[str, str] = {}


class Network(Part, frozen=True):
    """A network. `key` is its name in the file, `name` its name on the engine."""

    key: str
    name: str
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    ipam: Ipam = Ipam()
    external: bool = False
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    labels: Mapping[str, str] = {}


class Volume(Part, frozen=True):
    """A named volume. `key` is its name in the file, `name` its name on the engine."""

    key: str
    name: str
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    external: bool = False
    labels: Mapping[str, str] = {}


class FileObject(Part, frozen=True):
    """A config or a secret: exactly one of `file` (absolute path), `content`, `environment` or `external`."""

    key: str
    name: str
    file: str = ""
    content: str | None = None
    environment: str = ""
    external: bool = False
    labels: Mapping[str, str] = {}
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    template_driver: str = ""


class Project(Part, frozen=True):
    """A project: every mapping is keyed by the name in the file and is in file order.

    `services` holds the enabled ones only; `disabled` those whose profile is off. `environment` is what
    interpolation saw (shell over .env). `warnings` are for the user's eyes, one line each. The resources are all that
    the files declare; `compose.graph.graph.select_services` leaves those that the services in question use.
    `canonical` is what hashes are made of: the entries of `services`, `networks` and `volumes` as `config` prints
    them, attributes in the reference's order. `separator` stands between the parts of containers' and images' names.
    `environment_files` are those that were asked for instead of `.env`. `remote_files` are the addresses of those
    Compose files that were elsewhere, included ones as well.
    """

    name: str
    working_dir: str
    compose_files: tuple[str, ...]
    services: Mapping[str, Service]
    disabled: Mapping[str, Service] = {}
    networks: Mapping[str, Network] = {}
    volumes: Mapping[str, Volume] = {}
    configs: Mapping[str, FileObject] = {}
    secrets: Mapping[str, FileObject] = {}
    models: Mapping[str, Model] = {}
    environment: Mapping[str, str] = {}
    environment_files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    canonical: Mapping[str, Mapping[str, Mapping[str, object]]] = {}
    separator: str = "-"
    remote_files: tuple[str, ...] = ()


def bare_project(name: str) -> Project:
    """A project of which only the name is known, because none of its files is there."""
    return Project(name=name, working_dir="", compose_files=(), services={})
