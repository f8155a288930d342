"""What a container's place in its networks looks like: interfaces, routes, files, and the API's view. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from engine.network import hostfiles, ports
from engine.network.directory import names_of
from engine.network.hostfiles import ResolvConf
from engine.network.links import Link
from engine.network.records import Endpoint, NetworkRecord, Publication, Sandbox, SandboxRequest
from engine.wire.containers import PortBinding
from engine.wire.networks import EndpointResource, EndpointSettings

Networks = Mapping[str, NetworkRecord]

_INTERFACE_OPTION = "com.docker.network.endpoint.ifname"
_SYSCTLS_OPTION = "com.docker.network.endpoint.sysctls"


def interface_name(settings: EndpointSettings, taken: Iterable[str]) -> str:
    """The wanted name of an interface inside the container, or the first free `eth{n}`."""
    wanted = (settings.driver_opts or {}).get(_INTERFACE_OPTION, "")
    used = set(taken)
    number = 0
    while f"eth{number}" in used:
        number += 1
    return wanted or f"eth{number}"


def link(endpoint: Endpoint, network: NetworkRecord, bridge: str, host_name: str, mtu: int) -> Link:
    """The veth of an endpoint."""
    wanted = (endpoint.wishes.driver_opts or {}).get(_SYSCTLS_OPTION, "")
    pairs = [item.replace("IFNAME", endpoint.interface).partition("=") for item in wanted.split(",") if item]
    return Link(
        bridge=bridge,
        host_name=host_name,
        name=endpoint.interface,
        mac_address=endpoint.mac_address,
        mtu=mtu,
        addresses=tuple(
            f"{address}/{subnet.prefix_length}"
            for address, version in ((endpoint.address, 4), (endpoint.address6, 6))
            if address and (subnet := network.subnet(version))
        ),
        sysctls=tuple((name, value) for name, _, value in pairs),
    )


def gateway_endpoint(endpoints: Iterable[Endpoint], networks: Networks, version: int) -> Endpoint | None:
    """The endpoint that leads outside: the highest gateway priority, then the first network by name (Docker's rule)."""
    candidates = [
        endpoint
        for endpoint in endpoints
        if not networks[endpoint.network_id].internal and (endpoint.address if version == 4 else endpoint.address6)
    ]
    return min(candidates, key=lambda item: (-item.wishes.gw_priority, item.network_name), default=None)


def gateways(endpoints: Sequence[Endpoint], networks: Networks) -> list[tuple[str, str]]:
    """Default routes as (interface, gateway)."""
    routes = []
    for version in (4, 6):
        endpoint = gateway_endpoint(endpoints, networks, version)
        subnet = networks[endpoint.network_id].subnet(version) if endpoint else None
        if endpoint and subnet:
            routes.append((endpoint.interface, subnet.gateway))
    return routes


def host_gateways(endpoints: Sequence[Endpoint], networks: Networks) -> list[str]:
    """The host as a container sees it: the gateway of the network that leads outside, else of any."""
    leading = gateway_endpoint(endpoints, networks, 4)
    for endpoint in (*([leading] if leading else []), *endpoints):
        subnets = [networks[endpoint.network_id].subnet(version) for version in (4, 6)]
        return [subnet.gateway for subnet in subnets if subnet]
    return []


def retarget(
    publications: Iterable[Publication], endpoints: Sequence[Endpoint], networks: Networks
) -> list[Publication]:
    """The same host ports, led to the endpoint that now leads outside."""
    leading, leading6 = (gateway_endpoint(endpoints, networks, version) for version in (4, 6))
    address, address6 = leading.address if leading else "", leading6.address6 if leading6 else ""
    return [msgspec.structs.replace(item, address=address, address6=address6) for item in publications]


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
        resolv_conf=hostfiles.resolv_conf(host, bare.dns_search, bare.dns_options),
        hosts=hostfiles.hosts(bare.hostname, bare.endpoints, bare.extra_hosts, host_gateways(bare.endpoints, networks)),
    )


def _settings(sandbox: Sandbox, endpoint: Endpoint, network: NetworkRecord) -> EndpointSettings:
    subnet, subnet6 = network.subnet(4), network.subnet(6)
    return msgspec.structs.replace(
        endpoint.wishes,
        aliases=endpoint.aliases or None,
        mac_address=endpoint.mac_address,
        network_id=endpoint.network_id,
        endpoint_id=endpoint.id,
        gateway="" if network.internal or subnet is None else subnet.gateway,
        ip_address=endpoint.address,
        ip_prefix_len=subnet.prefix_length if subnet else 0,
        ipv6_gateway="" if network.internal or subnet6 is None else subnet6.gateway,
        global_ipv6_address=endpoint.address6,
        global_ipv6_prefix_len=subnet6.prefix_length if subnet6 else 0,
        dns_names=names_of(sandbox.id, sandbox.container_name, endpoint) or None,
    )


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
