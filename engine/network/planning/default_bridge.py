"""What the daemon's settings say of the default network (`bip`, `mtu`, `icc`, `ip`), checked. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct, field

from engine.errors import BadRequest
from engine.network.planning.options import bridge_options
from engine.network.planning.wanted import given_subnets
from engine.network.records import NetworkRecord
from engine.wire.networks import IPAMConfig


class DefaultBridge(Struct, frozen=True):
    """How the default network is to be: its options as a user's network could have them, and its range, if chosen."""

    options: Mapping[str, str] = field(default_factory=dict[str, str])
    given: tuple[IPAMConfig, ...] = ()

    def applied_to(self, record: NetworkRecord) -> NetworkRecord:
        """The record of the network as it should be; without a range where a new one is to be looked for."""
        if dict(self.options) == record.options and list(self.given) == record.given:
            return record
        changed = msgspec.structs.replace(record, options=dict(self.options), given=list(self.given))
        if changed.given == record.given:
            return changed
        return msgspec.structs.replace(changed, subnets=given_subnets(changed))


NO_WISHES: Final = DefaultBridge()


def default_bridge(*, bip: str = "", mtu: int = 0, icc: bool = True, host_ip: str = "") -> DefaultBridge:
    """Settings in Docker's terms: `bip` is the bridge's own address with its prefix. Raises `BadRequest`."""
    options = {
        name: value
        for name, value, is_said in (
            ("com.docker.network.driver.mtu", str(mtu), mtu),
            ("com.docker.network.bridge.enable_icc", "false", not icc),
            ("com.docker.network.bridge.host_binding_ipv4", host_ip, host_ip),
        )
        if is_said
    }
    bridge_options(options)
    if not bip:
        return DefaultBridge(options)
    try:
        address = ipaddress.IPv4Interface(bip)
    except ValueError as exc:
        raise BadRequest(f"invalid bip {bip}: {exc}", hint="write the bridge's address, as 192.168.5.1/24") from exc
    if "/" not in bip or address.ip in (address.network.network_address, address.network.broadcast_address):
        raise BadRequest(
            f"invalid bip {bip}: not a host's address", hint="write the bridge's address, as 192.168.5.1/24"
        )
    return DefaultBridge(options, (IPAMConfig(subnet=str(address.network), gateway=str(address.ip)),))
