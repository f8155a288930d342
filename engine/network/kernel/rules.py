"""The firewall as messages for nf_tables: one table, whose sets and maps say which bridges and ports there are.

Pure. A network or a published port is an element, so that adding one costs the same however many there are, and so
does each packet. The chains change only with the first internal network (`needs_other_rules`).

- `bridges` holds every bridge of this engine. A packet towards one must belong to a known connection or to a published
  port, which keeps networks apart, and unpublished ports from the host's neighbours.
- `within` holds (from, to) for what needs no such reason: networks whose containers may talk to each other, and links
  of the host that a network trusts.
- `masqueraded4` and `masqueraded6` hold bridges whose traffic leaves with the host's address; `internal` those that
  reach nothing.
- `unprotected4` and `unprotected6` hold bridges that everybody outside may reach (gateway mode nat-unprotected),
  `routed4` and `routed6` those whose addresses are known outside: ping, and the ports in `open4` and `open6`.
- `publish4` and `publish6` map (protocol, host port), the `_at` ones (host address, protocol, host port).

- `own4` and `own6` hold (bridge, subnet): a container that calls a published port of its own network, or its own, must
  seem to be the gateway, else the answer would go past the host. (Not by input interface: with br_netfilter the packet
  is turned round inside the bridge, where the last hook knows none.)

Localhost works because the bridges have `route_localnet` and what comes from 127.0.0.0/8 is masqueraded.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from engine.network.kernel import nftables
from engine.network.kernel.nftables import Entry, Expression, Field, Hook, Message, Set
from engine.network.records import Publication

DOCKER_TABLE: Final = "filter"
DOCKER_CHAIN: Final = "DOCKER-USER"

_INTERFACE = Field(41, 16)
_ADDRESS4 = Field(7, 4)
_ADDRESS6 = Field(8, 16)
_PROTOCOL = Field(12, 1)
_PORT = Field(13, 2)

_SETS: Final = {
    item.name: item
    for item in (
        Set("within", (_INTERFACE, _INTERFACE)),
        Set("own4", (_INTERFACE, _ADDRESS4), has_intervals=True),
        Set("own6", (_INTERFACE, _ADDRESS6), has_intervals=True),
        Set("bridges", (_INTERFACE,)),
        Set("masqueraded4", (_INTERFACE,)),
        Set("masqueraded6", (_INTERFACE,)),
        Set("internal", (_INTERFACE,)),
        Set("unprotected4", (_INTERFACE,)),
        Set("unprotected6", (_INTERFACE,)),
        Set("routed4", (_INTERFACE,)),
        Set("routed6", (_INTERFACE,)),
        Set("open4", (_ADDRESS4, _PROTOCOL, _PORT)),
        Set("open6", (_ADDRESS6, _PROTOCOL, _PORT)),
        Set("publish4", (_PROTOCOL, _PORT), (_ADDRESS4, _PORT)),
        Set("publish4_at", (_ADDRESS4, _PROTOCOL, _PORT), (_ADDRESS4, _PORT)),
        Set("publish6", (_PROTOCOL, _PORT), (_ADDRESS6, _PORT)),
        Set("publish6_at", (_ADDRESS6, _PROTOCOL, _PORT), (_ADDRESS6, _PORT)),
    )
}
_CHAINS: Final[dict[str, Hook | None]] = {
    "guard": Hook("filter", number=0, priority=-300),
    "publish": None,
    "prerouting": Hook("nat", number=0, priority=-100),
    "output": Hook("nat", number=3, priority=-100),
    "postrouting": Hook("nat", number=4, priority=100),
    "forward": Hook("filter", number=2, priority=0),
}
_ESTABLISHED_OR_RELATED: Final = 0x2 | 0x4
_DESTINATION_TRANSLATED: Final = 0x20
_LOCAL: Final = struct.pack("=I", 2)
_PING: Final = {4: bytes([socket.IPPROTO_ICMP]), 6: bytes([socket.IPPROTO_ICMPV6])}
_VERSIONS: Final = (4, 6)


class BridgeRules(Struct, frozen=True):
    """What the firewall must know about one network's bridge. The numbers are versions of IP."""

    bridge: str
    subnets: tuple[str, ...] = ()
    is_internal: bool = False
    masqueraded: tuple[int, ...] = _VERSIONS
    unprotected: tuple[int, ...] = ()
    routed: tuple[int, ...] = ()
    connects_containers: bool = True
    trusted: tuple[str, ...] = ()


class Element(Struct, frozen=True):
    """One element of a set or map, as nftables writes it: parts are joined by ` . `."""

    container: str
    key: str
    value: str = ""


def table_name(tag: str) -> str:
    """The table of the engine with that tag."""
    return f"pycompose_{tag}"


def bridge_elements(bridge: BridgeRules) -> list[Element]:
    """The elements that make a bridge known."""
    quoted = f'"{bridge.bridge}"'
    elements = [Element("bridges", quoted)]
    elements += [Element("own6" if ":" in subnet else "own4", f"{quoted} . {subnet}") for subnet in bridge.subnets]
    if bridge.connects_containers:
        elements.append(Element("within", f"{quoted} . {quoted}"))
    if bridge.is_internal:
        return [*elements, Element("internal", quoted)]
    elements += [Element("within", f'"{trusted}" . {quoted}') for trusted in bridge.trusted]
    elements += [Element(f"masqueraded{version}", quoted) for version in bridge.masqueraded]
    elements += [Element(f"unprotected{version}", quoted) for version in bridge.unprotected]
    return elements + [Element(f"routed{version}", quoted) for version in bridge.routed]


def publication_elements(publications: Iterable[Publication]) -> list[Element]:
    """The elements that publish ports. IPv6 ones exist only where the container has an IPv6 address; the others are
    served by a proxy. A port without one on the host is open where the container itself is.
    """
    elements = []
    for item in publications:
        target = item.address6 if item.is_ipv6 else item.address
        if not target:
            continue
        family = "6" if item.is_ipv6 else "4"
        if item.is_routed:
            elements.append(Element(f"open{family}", f"{target} . {item.protocol} . {item.container_port}"))
            continue
        key = f"{item.protocol} . {item.host_port}"
        value = f"{target} . {item.container_port}"
        if item.host_ip in ("", "0.0.0.0", "::"):
            elements.append(Element(f"publish{family}", key, value))
        else:
            elements.append(Element(f"publish{family}_at", f"{item.host_ip} . {key}", value))
    return elements


def add(tag: str, elements: Sequence[Element]) -> list[Message]:
    """Messages that add elements."""
    table = table_name(tag)
    return [message for name, some in _grouped(elements) for message in nftables.add_entries(table, name, some)]


def remove(tag: str, elements: Sequence[Element]) -> list[Message]:
    """Messages that remove elements."""
    table = table_name(tag)
    return [message for name, some in _grouped(elements) for message in nftables.delete_entries(table, name, some)]


def drop_table(tag: str) -> list[Message]:
    """Messages that remove the table, whether or not it exists."""
    name = table_name(tag)
    return [nftables.add_table(name), nftables.delete_table(name)]


def needs_other_rules(bridge: BridgeRules, others: Iterable[BridgeRules]) -> bool:
    """Whether the table must be made anew for a bridge, as its rules do not reckon with one like this."""
    return bridge.is_internal and not any(other.is_internal for other in others)


def whole_table(tag: str, elements: Sequence[Element]) -> list[Message]:
    """Messages that make the table with exactly these elements, replacing one that is there (one transaction)."""
    name = table_name(tag)
    has_internal = any(item.container == "internal" for item in elements)
    return [
        *drop_table(tag),
        nftables.add_table(name),
        *(nftables.add_set(name, item, number) for number, item in enumerate(_SETS.values(), start=1)),
        *(nftables.add_chain(name, chain, hook) for chain, hook in _CHAINS.items()),
        *(nftables.append_rule(name, chain, steps) for chain, steps in _rules(has_internal=has_internal)),
        *add(tag, elements),
    ]


def docker_user_rules(tag: str, family: int, named: Sequence[str] = ()) -> list[Message]:
    """Messages that let our traffic pass the chain in which Docker leaves room for others (its own default is to drop
    what it does not know). Our bridges begin with `pc{tag}`, but for those whose names (`named`) a user chose.
    """
    names = [f"pc{tag}".encode(), *(name.encode().ljust(_INTERFACE.length_bytes, b"\0") for name in named)]
    return [
        nftables.insert_rule(
            family,
            DOCKER_TABLE,
            DOCKER_CHAIN,
            (nftables.meta(direction), nftables.compare(ours), nftables.count(), nftables.verdict("accept")),
            comment=table_name(tag),
        )
        for ours in names
        for direction in ("iifname", "oifname")
    ]


def _rules(*, has_internal: bool) -> list[tuple[str, tuple[Expression, ...]]]:
    """Every chain's rules."""
    from_us, to_us = _listed("iifname", "bridges"), _listed("oifname", "bridges")
    not_internal = _listed("iifname", "internal", is_in=False)
    translated = nftables.connection("status", _DESTINATION_TRANSLATED)
    known = nftables.connection("state", _ESTABLISHED_OR_RELATED)
    is_local = (nftables.address_type(), nftables.compare(_LOCAL))
    ip6_loopback = (nftables.payload("network", 24, 16), nftables.compare(ipaddress.IPv6Address("::1").packed))
    return [
        # Every packet that comes to this machine is read here: what is cheap and nearly always says no goes first.
        ("guard", (*_ipv4_starts_with(16, 127), *from_us, nftables.verdict("drop"))),
        ("publish", _publish(4, at_address=True)),
        ("publish", _publish(4, at_address=False)),
        ("publish", (*_is_family(6), *ip6_loopback, nftables.verdict("return"))),
        ("publish", _publish(6, at_address=True)),
        ("publish", _publish(6, at_address=False)),
        ("prerouting", (*is_local, nftables.jump("publish"))),
        ("output", (*is_local, nftables.jump("publish"))),
        ("postrouting", (*_ipv4_starts_with(12, 127), *to_us, nftables.masquerade())),
        ("postrouting", (*translated, *_source_is_own(4), nftables.masquerade())),
        ("postrouting", (*translated, *_source_is_own(6), nftables.masquerade())),
        *(("postrouting", _leaves_masqueraded(version)) for version in _VERSIONS),
        # Nearly every packet ends here. What an internal network's containers send must not pass as if it belonged to
        # somebody else's connection, but a look into a set takes 2 % of a round trip: only where there is one.
        ("forward", (*known, *(not_internal if has_internal else ()), nftables.verdict("accept"))),
        ("forward", (nftables.meta("iifname"), *_goes_on("within"), nftables.verdict("accept"))),
        ("forward", (*_listed("iifname", "internal"), nftables.verdict("drop"))),
        ("forward", (*_listed("oifname", "internal"), nftables.verdict("drop"))),
        ("forward", (*to_us, *translated, nftables.verdict("accept"))),
        *(("forward", _reaches_unprotected(version)) for version in _VERSIONS),
        *(("forward", _pings_routed(version)) for version in _VERSIONS),
        *(("forward", _reaches_open_port(version)) for version in _VERSIONS),
        ("forward", (*to_us, nftables.verdict("drop"))),
    ]


def _is_family(version: int) -> tuple[Expression, ...]:
    return nftables.meta("nfproto"), nftables.compare(bytes([_family(version)]))


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _ipv4_starts_with(offset_bytes: int, octet: int) -> tuple[Expression, ...]:
    """The address at that offset of an IPv4 header is in `octet`.0.0.0/8."""
    return *_is_family(4), nftables.payload("network", offset_bytes, 1), nftables.compare(bytes([octet]))


def _publish(version: int, *, at_address: bool) -> tuple[Expression, ...]:
    """Translate to what the map says of (host address,) protocol and host port."""
    offset, length = (16, 4) if version == 4 else (24, 16)
    words = length // 4
    first = words if at_address else 0
    return (
        *_is_family(version),
        *([nftables.payload("network", offset, length)] if at_address else []),
        nftables.meta("l4proto", first),
        nftables.payload("transport", 2, 2, first + 1),
        nftables.lookup(f"publish{version}{'_at' if at_address else ''}", is_map=True),
        nftables.translate_destination(_family(version), words),
    )


def _source_is_own(version: int) -> tuple[Expression, ...]:
    """The packet goes to a bridge of which its source is a neighbour."""
    offset, length = (12, 4) if version == 4 else (8, 16)
    source = nftables.payload("network", offset, length, 4)
    return *_is_family(version), nftables.meta("oifname"), source, nftables.lookup(f"own{version}")


def _listed(direction: str, name: str, *, is_in: bool = True) -> tuple[Expression, ...]:
    return nftables.meta(direction), nftables.lookup(name, is_in=is_in)


def _goes_on(name: str) -> tuple[Expression, ...]:
    return nftables.meta("oifname", 4), nftables.lookup(name)


def _leaves_masqueraded(version: int) -> tuple[Expression, ...]:
    from_listed = _listed("iifname", f"masqueraded{version}")
    return *_is_family(version), *from_listed, *_listed("oifname", "bridges", is_in=False), nftables.masquerade()


def _reaches_unprotected(version: int) -> tuple[Expression, ...]:
    """From outside: networks are kept apart all the same."""
    to_listed = _listed("oifname", f"unprotected{version}")
    return *_is_family(version), *to_listed, *_listed("iifname", "bridges", is_in=False), nftables.verdict("accept")


def _pings_routed(version: int) -> tuple[Expression, ...]:
    is_ping = nftables.meta("l4proto"), nftables.compare(_PING[version])
    return *_is_family(version), *_listed("oifname", f"routed{version}"), *is_ping, nftables.verdict("accept")


def _reaches_open_port(version: int) -> tuple[Expression, ...]:
    offset, length = (16, 4) if version == 4 else (24, 16)
    words = length // 4
    return (
        *_is_family(version),
        *_listed("oifname", f"routed{version}"),
        nftables.payload("network", offset, length),
        nftables.meta("l4proto", words),
        nftables.payload("transport", 2, 2, words + 1),
        nftables.lookup(f"open{version}"),
        nftables.verdict("accept"),
    )


def _grouped(elements: Sequence[Element]) -> list[tuple[str, list[Entry]]]:
    groups: dict[str, list[Entry]] = {}
    for item in elements:
        groups.setdefault(item.container, []).append(_entry(item))
    return list(groups.items())


def _entry(item: Element) -> Entry:
    described = _SETS[item.container]
    key, key_end = _encode(described.key, item.key)
    data, _ = _encode(described.data, item.value) if item.value else (b"", b"")
    return Entry(key, key_end if described.has_intervals else b"", data)


def _encode(fields: Sequence[Field], text: str) -> tuple[bytes, bytes]:
    """The first and the last value that the text means; they differ where it has a subnet."""
    bounds = [_bounds(field, part) for field, part in zip(fields, text.split(" . "), strict=True)]
    if len(bounds) == 1:
        return bounds[0]
    first, last = zip(*bounds, strict=True)
    return b"".join(map(nftables.padded, first)), b"".join(map(nftables.padded, last))


def _bounds(field: Field, text: str) -> tuple[bytes, bytes]:
    if field in (_ADDRESS4, _ADDRESS6):
        network = ipaddress.ip_network(text, strict=False)
        return network.network_address.packed, network.broadcast_address.packed
    if field is _INTERFACE:
        value = text.strip('"').encode().ljust(field.length_bytes, b"\0")
    elif field is _PROTOCOL:
        value = bytes([_PROTOCOLS[text]])
    else:
        value = int(text).to_bytes(field.length_bytes, "big")
    return value, value


_PROTOCOLS: Final = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}
