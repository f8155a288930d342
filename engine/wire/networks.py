"""Networks on the wire (moby api/swagger.yaml: NetworkInspect, IPAM, EndpointSettings, …)."""

from __future__ import annotations

from msgspec import field

from engine.wire.codec import Wire


class EndpointIPAMConfig(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """Addresses that the user asked for."""

    ipv4_address: str = field(name="IPv4Address", default="")
    ipv6_address: str = field(name="IPv6Address", default="")
    link_local_ips: list[str] = field(name="LinkLocalIPs", default_factory=list)


class EndpointSettings(Wire, frozen=True, kw_only=True):
    """A container's place in one network: the wishes (`ipam_config`, `aliases`, …) and what it got."""

    ipam_config: EndpointIPAMConfig | None = field(name="IPAMConfig", default=None)
    links: list[str] | None = None
    mac_address: str = ""
    aliases: list[str] | None = None
    driver_opts: dict[str, str] | None = None
    gw_priority: int = 0
    network_id: str = field(name="NetworkID", default="")
    endpoint_id: str = field(name="EndpointID", default="")
    gateway: str = ""
    ip_address: str = field(name="IPAddress", default="")
    ip_prefix_len: int = field(name="IPPrefixLen", default=0)
    ipv6_gateway: str = field(name="IPv6Gateway", default="")
    global_ipv6_address: str = field(name="GlobalIPv6Address", default="")
    global_ipv6_prefix_len: int = field(name="GlobalIPv6PrefixLen", default=0)
    dns_names: list[str] | None = field(name="DNSNames", default=None)


class IPAMConfig(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """One address range of a network; `auxiliary_addresses` are kept for others."""

    subnet: str = ""
    ip_range: str = field(name="IPRange", default="")
    gateway: str = ""
    auxiliary_addresses: dict[str, str] = {}


class IPAM(Wire, frozen=True, kw_only=True):
    """Address management of a network; host and none have no `config` at all."""

    driver: str = "default"
    config: list[IPAMConfig] | None = None
    options: dict[str, str] | None = None


class ConfigReference(Wire, frozen=True, kw_only=True):
    """The network whose configuration is used."""

    network: str = ""


class NetworkCreateRequest(Wire, frozen=True, kw_only=True):
    """Body of `POST /networks/create`."""

    name: str = ""
    driver: str = "bridge"
    scope: str = ""
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: ConfigReference | None = None
    ipam: IPAM | None = field(name="IPAM", default=None)
    enable_ipv4: bool = field(name="EnableIPv4", default=True)
    enable_ipv6: bool = field(name="EnableIPv6", default=False)
    options: dict[str, str] = {}
    labels: dict[str, str] = {}


class NetworkCreateResponse(Wire, frozen=True, kw_only=True):
    """Answer of `POST /networks/create`."""

    id: str
    warning: str = ""


class EndpointResource(Wire, frozen=True, kw_only=True):
    """A container in a network's inspection."""

    name: str
    endpoint_id: str = field(name="EndpointID")
    mac_address: str = ""
    ipv4_address: str = field(name="IPv4Address", default="")
    ipv6_address: str = field(name="IPv6Address", default="")


class NetworkInspect(Wire, frozen=True, kw_only=True):
    """Answer of `GET /networks/{id}`; `containers` is keyed by container id."""

    name: str
    id: str
    created: str
    scope: str = "local"
    driver: str = "bridge"
    enable_ipv4: bool = field(name="EnableIPv4", default=True)
    enable_ipv6: bool = field(name="EnableIPv6", default=False)
    ipam: IPAM = field(name="IPAM", default=IPAM())
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_from: ConfigReference = ConfigReference()
    config_only: bool = False
    containers: dict[str, EndpointResource] = {}
    options: dict[str, str] = {}
    labels: dict[str, str] = {}


class NetworkConnectRequest(Wire, frozen=True, kw_only=True):
    """Body of `POST /networks/{id}/connect`."""

    container: str = ""
    endpoint_config: EndpointSettings | None = None


class NetworkDisconnectRequest(Wire, frozen=True, kw_only=True):
    """Body of `POST /networks/{id}/disconnect`."""

    container: str = ""
    force: bool = False
