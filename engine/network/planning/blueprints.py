"""What a network is to the kernel: its bridge with addresses and rules, or its parent link. Pure."""

from __future__ import annotations

import hashlib

from engine.errors import EngineError
from engine.network.kernel.links import Bridge, Parent
from engine.network.kernel.rules import BridgeRules
from engine.network.records import NetworkRecord


def bridge(record: NetworkRecord, name: str, alias: str, default_mtu: int) -> Bridge:
    """The bridge of a network. It has the gateways' addresses, unless its options say that the host has no place in it;
    `alias` is noted on one whose name a user chose.
    """
    options = record.bridge_options
    digest = hashlib.sha256(record.id.encode()).digest()
    return Bridge(
        name=name,
        mac_address=":".join(f"{byte:02x}" for byte in b"\x02" + digest[:5]),
        mtu=options.mtu or default_mtu,
        addresses=tuple(
            f"{subnet.gateway}/{subnet.prefix_length}"
            for subnet in record.subnets
            if options.gateway_mode(subnet.version) != "isolated" and (options.has_ipv4_address or subnet.version == 6)
        ),
        alias=alias if options.bridge_name else "",
    )


def bridge_rules(record: NetworkRecord, name: str) -> BridgeRules:
    """What the firewall must know about a network's bridge."""
    options = record.bridge_options

    def versions(*modes: str) -> tuple[int, ...]:
        return tuple(version for version in (4, 6) if options.gateway_mode(version) in modes)

    return BridgeRules(
        name,
        subnets=tuple(subnet.subnet for subnet in record.subnets),
        is_internal=record.internal,
        masqueraded=versions("nat", "nat-unprotected") if options.masquerades else (),
        unprotected=versions("nat-unprotected"),
        routed=versions("routed"),
        connects_containers=options.connects_containers,
        trusted=options.trusted_interfaces,
    )


def parent(record: NetworkRecord, name: str, alias: str, *, is_there: bool) -> Parent:
    """The parent link of a macvlan or ipvlan. Raises `EngineError` for one that is not there and cannot be made."""
    if is_there or not record.parent_options.parent:
        return Parent(name, alias)
    below, _, number = name.rpartition(".")
    if not below or not number.isdecimal():
        raise EngineError(f"invalid subinterface vlan name {name}, example formatting is eth0.10")
    return Parent(name, alias, (below, int(number)))
