"""Networks as they are asked for, checked and turned into records. Pure.

What is wrong is said in Docker's words: several problems of the address ranges come as one list.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from engine.errors import BadRequest, EngineError, Forbidden, NotFound
from engine.network.planning import ipam
from engine.network.planning.ipam import IPNetwork
from engine.network.planning.options import bridge_options, enables, parent_options
from engine.network.records import BRIDGE_DRIVER, PARENT_DRIVERS, PREDEFINED, NetworkRecord, Subnet
from engine.state.names import new_id
from engine.wire.networks import IPAM, IPAMConfig, NetworkCreateRequest

_NOT_ON_SWARM: Final = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)


def wanted_network(request: NetworkCreateRequest, find: Callable[[str], NetworkRecord | None]) -> NetworkRecord:
    """The record of a network to be; ranges that it leaves to us are still missing. `find` looks up the network whose
    configuration it may use. Raises `BadRequest`, `Forbidden`, `NotFound`.
    """
    _refuse_name_and_scope(request)
    if request.config_from is not None and request.config_from.network:
        request = _configured(request, find)
    driver = "null" if request.config_only else request.driver or BRIDGE_DRIVER
    if not request.config_only:
        _refuse_driver(driver)
    enable4 = enables(request.options, 4, otherwise=request.enable_ipv4)
    enable6 = enables(request.options, 6, otherwise=request.enable_ipv6)
    if not enable4 and not enable6:
        raise BadRequest("IPv4 or IPv6 must be enabled")
    ranges = request.ipam or IPAM()
    given = ranges.config or []
    refuse_ranges(given, has_ipv6=enable6)
    _refuse_address_management(ranges)
    network_id = new_id()
    record = NetworkRecord(
        id=network_id,
        name=request.name,
        driver=driver,
        created_ns=time.time_ns(),
        given=list(given),
        internal=request.internal,
        attachable=request.attachable,
        enable_ipv4=enable4,
        enable_ipv6=enable6,
        options=dict(request.options),
        labels=dict(request.labels),
        ipam_options=ranges.options,
        scope=request.scope or "local",
        config_only=request.config_only,
        config_from=request.config_from.network if request.config_from else "",
    )
    if request.config_only:
        return record
    _check_options(record)
    return msgspec.structs.replace(record, subnets=given_subnets(record))


def _refuse_name_and_scope(request: NetworkCreateRequest) -> None:
    if not request.name.strip():
        raise BadRequest("invalid name: name is empty")
    if request.name in (*PREDEFINED, "default"):
        raise Forbidden(f"operation is not permitted on predefined {request.name} network ")
    if request.config_only and (request.ingress or request.internal or request.attachable or request.scope):
        raise Forbidden(
            "configuration network can only contain network specific fields. Network operator fields like"
            " [ ingress | internal | attachable | scope ] are not supported."
        )
    if request.ingress:
        raise Forbidden("Ingress network can only be global scope network")
    if request.scope == "swarm":
        raise Forbidden("cannot create a swarm scoped network when swarm is not active")


def _refuse_driver(driver: str) -> None:
    if driver in ("host", "null"):
        raise Forbidden(f'only one instance of "{driver}" network is allowed')
    if driver == "overlay":
        raise Forbidden(_NOT_ON_SWARM)
    if driver not in (BRIDGE_DRIVER, *PARENT_DRIVERS):
        raise NotFound(f'plugin "{driver}" not found', hint="use bridge, macvlan or ipvlan; there are no plugins here")


def _configured(request: NetworkCreateRequest, find: Callable[[str], NetworkRecord | None]) -> NetworkCreateRequest:
    """The request with the configuration that another network keeps for it."""
    if request.config_only:
        raise Forbidden("a configuration network cannot depend on another configuration network")
    if request.options:
        raise Forbidden("network driver options are not supported if the network depends on a configuration network")
    has_ranges = request.ipam is not None and (request.ipam.config or request.ipam.options)
    if has_ranges or request.labels or request.internal:
        raise Forbidden(
            "user specified configurations are not supported if the network depends on a configuration network"
        )
    assert request.config_from is not None, "the caller looked"
    source = find(request.config_from.network)
    if source is None or not source.config_only:
        raise NotFound(f'configuration network "{request.config_from.network}" does not exist')
    return msgspec.structs.replace(
        request,
        options=source.options,
        labels=source.labels,
        enable_ipv4=source.enable_ipv4,
        enable_ipv6=source.enable_ipv6,
        internal=source.internal,
        attachable=source.attachable,
        ipam=IPAM(config=source.given, options=source.ipam_options),
    )


def _refuse_address_management(ranges: IPAM) -> None:
    if ranges.driver == "null":
        raise BadRequest("ipv4 pool is empty")
    if ranges.driver not in ("", "default"):
        raise NotFound(f'plugin "{ranges.driver}" not found', hint="use the IPAM driver default")


def _check_options(record: NetworkRecord) -> None:
    if record.driver == BRIDGE_DRIVER:
        bridge_options(record.options, internal=record.internal)
        for version in (4, 6):
            if sum(ipaddress.ip_network(item.subnet).version == version for item in record.given) > 1:
                _refuse_overlap_within(record.given)
                raise Forbidden("bridge driver doesn't support multiple subnets")
    else:
        parent_options(record.driver, record.options)


def _refuse_overlap_within(given: Sequence[IPAMConfig]) -> None:
    for number, item in enumerate(given):
        others = [("", ipam.wanted_subnet(other)) for other in given[:number]]
        ipam.refuse_overlap(ipam.wanted_subnet(item), others)


def given_subnets(record: NetworkRecord) -> list[Subnet]:
    """The ranges that the user gave; those of a version that is off do not count."""
    enabled = {4: record.enable_ipv4, 6: record.enable_ipv6}
    subnets = [subnet for item in record.given if enabled[(subnet := ipam.wanted_subnet(item)).version]]
    for subnet in subnets:
        for name, address in subnet.auxiliary.items():
            if address == subnet.gateway:
                raise EngineError(f"failed to allocate secondary ip address ({name}:{address}): Address already in use")
    return subnets


def refuse_ranges(given: Iterable[IPAMConfig], *, has_ipv6: bool) -> None:
    """Raise `BadRequest` with everything that is wrong about the ranges a user gave."""
    problems = [problem for item in given for problem in _problems(item, has_ipv6=has_ipv6)]
    if problems:
        raise BadRequest(f"invalid network config:\n{listed(problems)}")


def listed(problems: Sequence[str]) -> str:
    """One problem as it is, several as a list."""
    return problems[0] if len(problems) == 1 else "\n".join(f"* {problem}" for problem in problems)


def _problems(item: IPAMConfig, *, has_ipv6: bool) -> list[str]:
    subnet = _range(item.subnet)
    if subnet is None:
        return [f"invalid subnet {item.subnet}: invalid CIDR block notation"]
    if subnet.version == 6 and not has_ipv6:
        return []
    found = [*_host_bits("subnet", item.subnet, subnet)]
    if item.ip_range:
        found += _range_problems(item, subnet)
    addresses = [("gateway " + item.gateway, item.gateway)] if item.gateway else []
    addresses += [("auxiliary address " + name, text) for name, text in item.auxiliary_addresses.items()]
    for what, text in addresses:
        found += _address_problems(what, text, item.subnet, subnet)
    return found


def _range_problems(item: IPAMConfig, subnet: IPNetwork) -> list[str]:
    inner = _range(item.ip_range)
    if inner is None:
        return [f"invalid ip-range {item.ip_range}: invalid CIDR block notation"]
    if inner.version != subnet.version:
        return [f"invalid ip-range {item.ip_range}: parent subnet is an IPv{subnet.version} block"]
    if inner.prefixlen < subnet.prefixlen:
        return [f"invalid ip-range {item.ip_range}: CIDR block is bigger than its parent subnet {item.subnet}"]
    if inner.network_address not in subnet:
        return [f"invalid ip-range {item.ip_range}: parent subnet {item.subnet} doesn't contain ip-range"]
    return _host_bits("ip-range", item.ip_range, inner)


def _address_problems(what: str, text: str, parent: str, subnet: IPNetwork) -> list[str]:
    try:
        address = ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return [f"invalid {what}: invalid address"]
    if address.version != subnet.version:
        return [f"invalid {what}: parent subnet is an IPv{subnet.version} block"]
    return [] if address in subnet else [f"invalid {what}: parent subnet {parent} doesn't contain this address"]


def _host_bits(what: str, text: str, network: IPNetwork) -> list[str]:
    is_exact = ipaddress.ip_address(text.partition("/")[0]) == network.network_address
    return [] if is_exact else [f"invalid {what} {text}: it should be {network}"]


def _range(text: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None
