"""What a container's place in its networks looks like: interfaces, routes, files, and the API's view. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from engine.network import ports
from engine.network.kernel.links import Link
from engine.network.kernel.linkviews import LinkView
from engine.network.names import hostfiles
from engine.network.names.directory import names_of
from engine.network.names.hostfiles import ResolvConf
from engine.network.planning.wishes import SYSCTLS_OPTION
from engine.network.ports import Target
from engine.network.records import Endpoint, NetworkRecord, Publication, Sandbox, SandboxRequest
from engine.wire.containers import PortBinding
from engine.wire.networks import EndpointResource, EndpointSettings

Networks = Mapping[str, NetworkRecord]

_INTERFACE_OPTION = "com.docker.network.endpoint.ifname"
# Docker's prefixes of link-local addresses, whose whole range is on the link.
_LINK_LOCAL_BITS = {4: 16, 6: 64}
# A route without a next hop (`rtnetlink.default_route`).
_STRAIGHT_OUT = {4: "0.0.0.0", 6: "::"}


def interface_name(settings: EndpointSettings, taken: Iterable[str], prefix: str = "eth") -> str:
    """The wanted name of an interface inside the container, or the first free `eth{n}`."""
    wanted = (settings.driver_opts or {}).get(_INTERFACE_OPTION, "")
    used = set(taken)
    number = 0
    while f"{prefix}{number}" in used:
        number += 1
    return wanted or f"{prefix}{number}"


def link(endpoint: Endpoint, network: NetworkRecord, parent: LinkView, host_name: str) -> Link:
    """The veth (or macvlan, or ipvlan) of an endpoint, on the network's own link."""
    wanted = (endpoint.wishes.driver_opts or {}).get(SYSCTLS_OPTION, "")
    named = wanted.replace("IFNAME", endpoint.interface).replace("ifname", endpoint.interface)
    pairs = [item.partition("=") for item in named.split(",") if item]
    addresses = [
        f"{address}/{subnet.prefix_length}"
        for address, version in ((endpoint.address, 4), (endpoint.address6, 6))
        if address and (subnet := network.subnet(version))
    ]
    local = endpoint.wishes.ipam_config.link_local_ips if endpoint.wishes.ipam_config else []
    addresses += [f"{address}/{_LINK_LOCAL_BITS[6 if ':' in address else 4]}" for address in local]
    bare = Link(
        parent=parent.index,
        host_name=host_name,
        name=endpoint.interface,
        mac_address=endpoint.mac_address,
        mtu=parent.mtu,
        addresses=tuple(addresses),
        sysctls=tuple((name, value) for name, _, value in pairs),
    )
    if network.has_bridge:
        return replace(bare, is_isolated=not network.bridge_options.connects_containers)
    options = network.parent_options
    return replace(bare, kind=network.driver, mode=options.mode, flag=options.flag)


def gateway_endpoint(endpoints: Iterable[Endpoint], networks: Networks, version: int) -> Endpoint | None:
    """The endpoint that leads outside: the highest gateway priority, then one with both versions of IP, then the first
    network by name (Docker's rule).
    """
    candidates = [endpoint for endpoint in endpoints if gateway(endpoint, networks[endpoint.network_id], version)]

    def order(endpoint: Endpoint) -> tuple[int, int, str]:
        versions = sum(bool(gateway(endpoint, networks[endpoint.network_id], each)) for each in (4, 6))
        return -endpoint.wishes.gw_priority, -versions, endpoint.network_name

    return min(candidates, key=order, default=None)


def gateway(endpoint: Endpoint, network: NetworkRecord, version: int) -> str:
    """Where an endpoint's traffic to the outside goes first; an unspecified address stands for nowhere in particular,
    "" for a network that does not lead outside.
    """
    subnet = network.subnet(version)
    if network.internal or subnet is None or not (endpoint.address if version == 4 else endpoint.address6):
        return ""
    if not network.has_bridge and network.parent_options.routes_by_link:
        return _STRAIGHT_OUT[version]
    return subnet.gateway


def gateways(endpoints: Sequence[Endpoint], networks: Networks) -> list[tuple[str, str]]:
    """Default routes as (interface, gateway)."""
    return [
        (endpoint.interface, gateway(endpoint, networks[endpoint.network_id], version))
        for version in (4, 6)
        if (endpoint := gateway_endpoint(endpoints, networks, version))
    ]


def publishing(endpoints: Sequence[Endpoint], networks: Networks) -> Target:
    """Where ports of the host lead: to the endpoints that lead outside, if the host is on their way."""
    found = {}
    for version in (4, 6):
        endpoint = gateway_endpoint(endpoints, networks, version)
        network = networks[endpoint.network_id] if endpoint else None
        if endpoint and network and network.has_bridge:
            found[version] = endpoint, network.bridge_options
    endpoint4, options4 = found.get(4, (None, None))
    endpoint6, options6 = found.get(6, (None, None))
    options = options4 or options6
    return Target(
        address=endpoint4.address if endpoint4 else "",
        address6=endpoint6.address6 if endpoint6 else "",
        host_ip=options.host_ip if options else "",
        routes4=options4 is not None and not options4.translates(4),
        routes6=options6 is not None and not options6.translates(6),
    )


def host_gateways(endpoints: Sequence[Endpoint], networks: Networks) -> list[str]:
    """The host as a container sees it: the gateway of the network that leads outside, else of any."""
    leading = gateway_endpoint(endpoints, networks, 4)
    for endpoint in (*([leading] if leading else []), *endpoints):
        subnets = [networks[endpoint.network_id].subnet(version) for version in (4, 6)]
        return [subnet.gateway for subnet in subnets if subnet]
    return []


def retarget(publications: Iterable[Publication], target: Target) -> list[Publication]:
    """The same host ports, led to the endpoint that now leads outside."""
    return [msgspec.structs.replace(item, address=target.address, address6=target.address6) for item in publications]


def sandbox(request: SandboxRequest, namespace: str, wanted_ports: dict[str, list[PortBinding]]) -> Sandbox:
    """The record of a request, before it has endpoints and ports."""
    return Sandbox(
        id=request.container_id,
        namespace=namespace,
        container_name=request.container_name,
        hostname=request.hostname,
        wanted_ports=wanted_ports,
        dns=list(request.dns),
        dns_search=list(request.dns_search),
        dns_options=list(request.dns_options),
        extra_hosts=list(request.extra_hosts),
        sysctls=dict(request.sysctls),
    )


def completed(bare: Sandbox, networks: Networks, host: ResolvConf) -> Sandbox:
    """A sandbox with everything that follows from its endpoints and ports filled in. Raises `BadRequest`."""
    return msgspec.structs.replace(
        bare,
        networks={
            endpoint.network_name: _settings(bare, endpoint, networks[endpoint.network_id])
            for endpoint in bare.endpoints
        },
        ports=ports.port_map(bare.publications),
        can_publish=publishing(bare.endpoints, networks) != Target(),
        resolv_conf=_resolv_conf(bare, host),
        hosts=hostfiles.hosts(bare.hostname, bare.endpoints, bare.extra_hosts, host_gateways(bare.endpoints, networks)),
    )


def _resolv_conf(bare: Sandbox, host: ResolvConf) -> str:
    """Without a network there is nobody to ask, so the file says what would be asked."""
    if bare.endpoints:
        return hostfiles.resolv_conf(host, bare.dns_search, bare.dns_options)
    return hostfiles.direct_resolv_conf(host, bare.dns, bare.dns_search, bare.dns_options)


def _settings(sandbox: Sandbox, endpoint: Endpoint, network: NetworkRecord) -> EndpointSettings:
    subnet, subnet6 = network.subnet(4), network.subnet(6)
    return msgspec.structs.replace(
        endpoint.wishes,
        aliases=endpoint.aliases or None,
        mac_address=endpoint.mac_address,
        network_id=endpoint.network_id,
        endpoint_id=endpoint.id,
        gateway=_shown_gateway(endpoint, network, 4),
        ip_address=endpoint.address,
        ip_prefix_len=subnet.prefix_length if subnet else 0,
        ipv6_gateway=_shown_gateway(endpoint, network, 6),
        global_ipv6_address=endpoint.address6,
        global_ipv6_prefix_len=subnet6.prefix_length if subnet6 else 0,
        dns_names=names_of(sandbox.id, sandbox.container_name, endpoint) or None,
    )


def _shown_gateway(endpoint: Endpoint, network: NetworkRecord, version: int) -> str:
    address = gateway(endpoint, network, version)
    return "" if address in _STRAIGHT_OUT.values() else address


def resource(sandbox: Sandbox, endpoint: Endpoint, network: NetworkRecord) -> EndpointResource:
    """A container as `network inspect` shows it."""
    subnet, subnet6 = network.subnet(4), network.subnet(6)
    return EndpointResource(
        name=sandbox.container_name,
        endpoint_id=endpoint.id,
        mac_address=endpoint.mac_address,
        ipv4_address=f"{endpoint.address}/{subnet.prefix_length}" if endpoint.address and subnet else "",
        ipv6_address=f"{endpoint.address6}/{subnet6.prefix_length}" if endpoint.address6 and subnet6 else "",
    )
