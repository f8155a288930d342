"""Address management: which subnet a network gets, and which address an endpoint. Pure; knows no kernel."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from engine.errors import BadRequest, Conflict, Forbidden
from engine.network.records import Subnet
from engine.wire.networks import IPAMConfig

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Pool(Struct, frozen=True):
    """A range that is dealt out in subnets of `prefix_length`."""

    base: IPNetwork
    prefix_length: int


# Docker's default pools in Docker's order, then many small ones for machines with very many networks.
DEFAULT_POOLS = (
    *(Pool(ipaddress.IPv4Network(f"172.{number}.0.0/16"), 16) for number in range(17, 32)),
    Pool(ipaddress.IPv4Network("192.168.0.0/16"), 20),
    Pool(ipaddress.IPv4Network("10.192.0.0/12"), 24),
)


def checked_pool(base: str, prefix_length: int) -> Pool:
    """A pool that the machine's owner wants. Raises `BadRequest`."""
    try:
        network = ipaddress.ip_network(base)
    except ValueError as exc:
        raise BadRequest(f"invalid base pool {base!r}: {exc}") from exc
    if not network.prefixlen <= prefix_length <= network.max_prefixlen:
        raise BadRequest(
            f"invalid pool size {prefix_length}: subnets of {base} have a prefix length from {network.prefixlen} to "
            f"{network.max_prefixlen}"
        )
    return Pool(network, prefix_length)


def free_subnet(taken: Iterable[IPNetwork], pools: Sequence[Pool] = DEFAULT_POOLS, version: int = 4) -> Subnet:
    """The first subnet of the pools of an IP version that overlaps nothing in `taken`. Raises `Conflict` when all are
    used.
    """
    avoid = [network for network in taken if network.version == version]
    for candidate in _candidates([pool for pool in pools if pool.base.version == version]):
        if not any(candidate.overlaps(network) for network in avoid):
            return Subnet(subnet=str(candidate), gateway=str(candidate.network_address + 1))
    raise Conflict(
        "all predefined address pools have been fully subnetted",
        hint="remove unused networks, or give this one a subnet",
    )


def _candidates(pools: Sequence[Pool]) -> Iterator[IPNetwork]:
    for pool in pools:
        yield from pool.base.subnets(new_prefix=pool.prefix_length)


def unique_local_subnet(network_id: str) -> Subnet:
    """An IPv6 /64 that only this network has (RFC 4193: fd00::/8 and random bits, here from the network's id)."""
    digest = hashlib.sha256(network_id.encode()).digest()
    base = ipaddress.IPv6Network((b"\xfd" + digest[:7] + bytes(8), 64))
    return Subnet(subnet=str(base), gateway=str(base.network_address + 1))


def wanted_subnet(config: IPAMConfig) -> Subnet:
    """A range that the user gave, already checked, with its gateway filled in: the first address that there is to give
    out, as with Docker. Raises `BadRequest`.
    """
    network = _network(config.subnet)
    first = network.network_address + (0 if _is_point_to_point(network) else 1)
    if config.ip_range:
        first = max(first, _network(config.ip_range).network_address)
    # A gateway may come as `10.0.0.1/24`; the range says the same.
    gateway = config.gateway.partition("/")[0] or str(first)
    return Subnet(
        subnet=str(network), gateway=gateway, ip_range=config.ip_range, auxiliary=dict(config.auxiliary_addresses)
    )


def refuse_overlap(subnet: Subnet, others: Iterable[tuple[str, Subnet]]) -> None:
    """Raise `Forbidden` when a subnet overlaps that of another network (name, subnet)."""
    mine = ipaddress.ip_network(subnet.subnet)
    for name, other in others:
        if other.version == subnet.version and mine.overlaps(ipaddress.ip_network(other.subnet)):
            whose = f" of network {name}" if name else ""
            raise Forbidden(
                "invalid pool request: Pool overlaps with other one on this address space",
                hint=f"{subnet.subnet} overlaps {other.subnet}{whose}: choose another subnet, or remove that network",
            )


def overlaps(subnets: Iterable[Subnet], occupied: Iterable[IPNetwork]) -> list[str]:
    """Warnings for subnets with addresses that the host reaches elsewhere, by its own networks or name servers."""
    found = []
    for subnet in subnets:
        mine = ipaddress.ip_network(subnet.subnet)
        theirs = [str(each) for each in occupied if each.version == mine.version and mine.overlaps(each)]
        if theirs:
            found.append(
                f"subnet {mine} overlaps what this machine reaches elsewhere ({', '.join(theirs)}): "
                "it may not be reached any more"
            )
    return found


def mac_address(address: str, endpoint_id: str) -> str:
    """A locally administered MAC. Made from the IPv4 address, so that neighbours' caches stay right when an
    address is used again; without one, from the endpoint's id.
    """
    tail = ipaddress.IPv4Address(address).packed if address else hashlib.sha256(endpoint_id.encode()).digest()[:4]
    return ":".join(f"{byte:02x}" for byte in b"\x02\x42" + tail)


def checked_mac(text: str) -> str:
    """A MAC that the user gave. Raises `BadRequest`."""
    try:
        octets = bytes(int(part, 16) for part in text.replace("-", ":").split(":"))
    except ValueError:
        octets = b""
    if len(octets) != 6 or octets[0] & 1:
        raise BadRequest(f"invalid MAC address {text}")
    return ":".join(f"{byte:02x}" for byte in octets)


class Addresses:
    """The addresses of one subnet. The lowest free one is the next, as with Docker, but a holder who comes again gets
    the one it had before, unless others have it now: a proxy that asked for a name once finds the same container
    there after a restart. Addresses of holders that are away are not kept from others.
    """

    def __init__(self, subnet: Subnet) -> None:
        self._subnet = subnet
        self._network = ipaddress.ip_network(subnet.subnet)
        span = ipaddress.ip_network(subnet.ip_range) if subnet.ip_range else self._network
        self._first = int(span.network_address)
        self._last = int(span.broadcast_address)
        self._used: set[int] = set()
        self._last_holders: dict[int, str] = {}
        self._reserved = {int(_address(text)) for text in (subnet.gateway, *subnet.auxiliary.values())}
        if not _is_point_to_point(self._network):
            self._reserved.add(int(self._network.network_address))
            if self._network.version == 4:
                self._reserved.add(int(self._network.broadcast_address))

    def take(self, wanted: str = "", holder: str = "") -> str:
        """Allocate `wanted`, or what `holder` had, or the lowest free address. Raises `BadRequest` or `Forbidden` as
        Docker does.
        """
        number = self._checked(wanted) if wanted else self._former(holder) or self._lowest_free()
        self._used.add(number)
        self._last_holders[number] = holder
        return self._text(number)

    def mark(self, address: str, holder: str = "") -> None:
        """Note an address that is in use already (adoption after a restart)."""
        number = int(_address(address))
        self._used.add(number)
        self._last_holders[number] = holder

    def remember(self, address: str, holder: str) -> None:
        """Note what a holder had, as if it had come before; unless others have it when it comes, it gets that again."""
        self._last_holders = {number: last for number, last in self._last_holders.items() if last != holder}
        if _address(address) in self._network:
            self._last_holders[int(_address(address))] = holder

    def release(self, address: str) -> None:
        """Give an address back; one that is not in use is fine."""
        self._used.discard(int(_address(address)))

    def _checked(self, wanted: str) -> int:
        address = _address(wanted)
        if address not in self._network:
            raise BadRequest(f"no configured subnet or ip-range contain the IP address {wanted}")
        if int(address) in self._used or int(address) in self._reserved:
            raise Forbidden("Address already in use", hint=f"{wanted} is another container's, or the gateway's")
        return int(address)

    def _former(self, holder: str) -> int | None:
        """The address that `holder` had, if it is one that is given out without being asked for, and free."""
        had = (number for number, last in self._last_holders.items() if holder and last == holder)
        return next(
            (number for number in had if self._first <= number <= self._last and number not in self._used), None
        )

    def _lowest_free(self) -> int:
        taken = self._used | self._reserved
        number = next((number for number in range(self._first, self._last + 1) if number not in taken), None)
        if number is None:
            raise Forbidden(
                f"no available IPv{self._network.version} addresses on this network's address pools: "
                f"{self._subnet.subnet}"
            )
        return number

    def _text(self, number: int) -> str:
        kind = ipaddress.IPv4Address if self._network.version == 4 else ipaddress.IPv6Address
        return str(kind(number))


def _network(text: str) -> IPNetwork:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as exc:
        raise BadRequest(f"invalid subnet {text}: invalid CIDR block notation") from exc


def _is_point_to_point(network: IPNetwork) -> bool:
    """Whether a range is so small that it has neither a network's nor a broadcast address (RFC 3021)."""
    return network.max_prefixlen - network.prefixlen <= 1


def _address(text: str) -> IPAddress:
    try:
        return ipaddress.ip_address(text)
    except ValueError as exc:
        raise BadRequest(f"invalid address {text!r}: {exc}") from exc
