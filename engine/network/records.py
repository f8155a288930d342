"""What the engine remembers about networks and about containers' places in them, and what it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec
from msgspec import Struct, field

from engine.network.planning.options import BridgeOptions, ParentOptions, bridge_options, parent_options
from engine.wire.containers import PortBinding
from engine.wire.networks import EndpointSettings, IPAMConfig

DEFAULT_NETWORK = "bridge"
BRIDGE_DRIVER = "bridge"
PARENT_DRIVERS = ("macvlan", "ipvlan")
PREDEFINED = {DEFAULT_NETWORK: BRIDGE_DRIVER, "host": "host", "none": "null"}


@lru_cache(maxsize=256)
def _bridge_options(options: tuple[tuple[str, str], ...], *, is_internal: bool) -> BridgeOptions:
    """Each start of a container asks for them several times."""
    return bridge_options(dict(options), internal=is_internal)


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    """One address range of a network: `172.18.0.0/16`, its gateway, and what is kept for others."""

    subnet: str
    gateway: str
    ip_range: str = ""
    auxiliary: dict[str, str] = {}

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.subnet else 4

    @property
    def prefix_length(self) -> int:
        """The 16 of `172.18.0.0/16`."""
        return int(self.subnet.rpartition("/")[2])


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A network. `given` are the ranges as the user asked for them, which static addresses need; `subnets` are those in
    use. One that is `config_only` keeps options for others and has nothing in the kernel.
    """

    id: str
    name: str
    driver: str
    created_ns: int
    subnets: list[Subnet] = []
    given: list[IPAMConfig] = []
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    ipam_driver: str = "default"
    ipam_options: dict[str, str] | None = None
    scope: str = "local"
    config_only: bool = False
    config_from: str = ""

    @property
    def takes_containers(self) -> bool:
        """Whether containers can have a place in it, rather than being wholly in it (host, none) or never."""
        return self.driver in (BRIDGE_DRIVER, *PARENT_DRIVERS) and not self.config_only

    @property
    def has_bridge(self) -> bool:
        """Whether it is a bridge in the kernel."""
        return self.driver == BRIDGE_DRIVER and not self.config_only

    @property
    def bridge_options(self) -> BridgeOptions:
        """The options of a bridge network."""
        return _bridge_options(tuple(self.options.items()), is_internal=self.internal)

    @property
    def parent_options(self) -> ParentOptions:
        """The options of a macvlan or ipvlan network."""
        return parent_options(self.driver, self.options)

    @property
    def interface_prefix(self) -> str:
        """What the names of interfaces in its containers begin with."""
        return (self.bridge_options if self.has_bridge else self.parent_options).interface_prefix

    @property
    def is_predefined(self) -> bool:
        """One of `bridge`, `host` and `none`, which always exist."""
        return self.name in PREDEFINED

    def subnet(self, version: int) -> Subnet | None:
        """The first range of IP version 4 or 6."""
        return next((subnet for subnet in self.subnets if subnet.version == version), None)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A container's place in one network. Addresses are plain (`172.18.0.2`), "" where there is none."""

    id: str
    network_id: str
    network_name: str
    interface: str
    address: str
    address6: str
    mac_address: str
    aliases: list[str]
    wishes: EndpointSettings


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A port of the host that leads to a port of a container. `host_ip` is "" for every IPv4 address of the host,
    `::` for every IPv6 one. IPv6 host addresses lead to `address6` where the container has one. One that `is_routed`
    has no port on the host: the container's own is open to everybody.
    """

    protocol: str
    host_ip: str
    host_port: int
    container_port: int
    address: str
    address6: str = ""
    is_routed: bool = False

    @property
    def is_ipv6(self) -> bool:
        """Whether it is bound to an IPv6 address of the host."""
        return ":" in self.host_ip

    @property
    def key(self) -> str:
        """The container's side as the API writes it: `80/tcp`."""
        return f"{self.container_port}/{self.protocol}"

    @property
    def host_address(self) -> str:
        """The host's side for messages: `0.0.0.0:8080`, `[::]:8080`."""
        host = f"[{self.host_ip}]" if self.is_ipv6 else self.host_ip or "0.0.0.0"
        return f"{host}:{self.host_port}"


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A container's network namespace and everything that hangs on it. `id` is the container's.

    `networks` and `ports` are as the API shows them; `resolv_conf` and `hosts` are file contents. `can_publish` tells
    whether a network of it leads outside through the host.
    """

    id: str
    namespace: str
    container_name: str
    hostname: str
    endpoints: list[Endpoint] = []
    publications: list[Publication] = []
    wanted_ports: dict[str, list[PortBinding]] = {}
    dns: list[str] = []
    dns_search: list[str] = []
    dns_options: list[str] = []
    extra_hosts: list[str] = []
    sysctls: dict[str, str] = {}
    networks: dict[str, EndpointSettings] = {}
    ports: dict[str, list[PortBinding]] = {}
    can_publish: bool = False
    resolv_conf: str = ""
    hosts: str = ""


class EndpointRequest(Struct, frozen=True):
    """A wish to be on a network (name or id)."""

    network: str
    settings: EndpointSettings = field(default_factory=EndpointSettings)


class SandboxRequest(Struct, frozen=True):
    """What a container wants from the network. `ports` maps `80/tcp` to the wanted host bindings, where an empty
    `host_port` asks for any free one; `extra_hosts` are `name:address`, and `host-gateway` is an address too;
    `sysctls` are the `net.*` ones.
    """

    container_id: str
    container_name: str
    hostname: str
    endpoints: tuple[EndpointRequest, ...] = ()
    ports: Mapping[str, tuple[PortBinding, ...]] = field(default_factory=dict)
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
