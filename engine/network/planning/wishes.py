"""What a container wants of one network, checked against what the network is. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import msgspec

from engine.errors import BadRequest
from engine.network.planning.wanted import listed
from engine.network.records import PREDEFINED, NetworkRecord
from engine.wire.networks import EndpointIPAMConfig, EndpointSettings

SYSCTLS_OPTION: Final = "com.docker.network.endpoint.sysctls"
_SYSCTL_FAMILIES: Final = ("ipv4", "ipv6", "mpls")


def checked_wishes(settings: EndpointSettings, record: NetworkRecord) -> EndpointSettings:
    """The wishes with their addresses in canonical form. Raises `BadRequest` with everything that is wrong."""
    addresses = settings.ipam_config or EndpointIPAMConfig()
    problems = [
        *_refused_on_predefined(settings, addresses, record),
        *_malformed(addresses),
        *_out_of_range(addresses.ipv4_address, 4, record),
        *_out_of_range(addresses.ipv6_address, 6, record),
        *_unknown_sysctls((settings.driver_opts or {}).get(SYSCTLS_OPTION, "")),
    ]
    if problems:
        raise BadRequest(f"invalid endpoint settings:\n{listed(problems)}")
    for text in addresses.link_local_ips:
        if not ipaddress.ip_address(text).is_link_local:
            raise BadRequest(f"invalid link local IP address: {text}")
    if settings.ipam_config is None:
        return settings
    return msgspec.structs.replace(settings, ipam_config=_canonical(addresses))


def _refused_on_predefined(
    settings: EndpointSettings, addresses: EndpointIPAMConfig, record: NetworkRecord
) -> Iterable[str]:
    if record.name in PREDEFINED:
        if addresses.ipv4_address or addresses.ipv6_address:
            yield "user specified IP address is supported on user defined networks only"
        if settings.aliases:
            yield "network-scoped alias is supported only for containers in user defined networks"


def _malformed(addresses: EndpointIPAMConfig) -> Iterable[str]:
    for text, version in ((addresses.ipv4_address, 4), (addresses.ipv6_address, 6)):
        if text and _version(text) != version:
            yield f"invalid IPv{version} address: {text}"
    for text in addresses.link_local_ips:
        if not _version(text):
            yield f"invalid link-local IP address: {text}"


def _out_of_range(text: str, version: int, record: NetworkRecord) -> Iterable[str]:
    if not text:
        return
    given = [ipaddress.ip_network(item.subnet, strict=False) for item in record.given]
    ranges = [network for network in given if network.version == version]
    if not ranges:
        yield ("user specified IP address is supported only when connecting to networks with user configured subnets")
    elif _version(text) != version or not any(ipaddress.ip_address(text) in network for network in ranges):
        yield f"no configured subnet or ip-range contain the IP address {text}"


def _unknown_sysctls(option: str) -> Iterable[str]:
    for item in filter(None, option.split(",")):
        words = item.split(".", 4)
        if len(words) != 5 or words[1] not in _SYSCTL_FAMILIES or words[3].upper() != "IFNAME":
            yield (
                f"unrecognised network interface sysctl '{item}'; represent 'net.X.Y.ethN.Z=V' as "
                "'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'"
            )
        elif "=" not in item:
            yield f"expected sysctl '{item}' to have format name=value"


def _version(text: str) -> int:
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return 0


def _canonical(addresses: EndpointIPAMConfig) -> EndpointIPAMConfig:
    def same(text: str) -> str:
        return str(ipaddress.ip_address(text)) if text else ""

    return EndpointIPAMConfig(
        ipv4_address=same(addresses.ipv4_address),
        ipv6_address=same(addresses.ipv6_address),
        link_local_ips=[same(text) for text in addresses.link_local_ips],
    )
