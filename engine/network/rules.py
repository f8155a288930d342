"""The firewall as text for nftables: one table, whose sets and maps say which bridges and ports there are.

Pure. The chains never change; a network or a published port is an element, so that adding one costs the same
however many there are. Every bridge of this engine begins with `pc{tag}`, which one wildcard matches.

- `within` holds (bridge, bridge) for networks whose containers may talk to each other: without it a packet towards a
  bridge of ours must belong to a known connection or to a published port, which keeps networks apart.
- `masqueraded` holds bridges whose traffic leaves with the host's address; `internal` those that reach nothing.
- `publish4` and `publish6` map (protocol, host port), the `_at` ones (host address, protocol, host port).

- `own4` and `own6` hold (bridge, subnet): a container that calls a published port of its own network, or its own, must
  seem to be the gateway, else the answer would go past the host. (Not by input interface: with br_netfilter the packet
  is turned round inside the bridge, where the last hook knows none.)

Localhost works because the bridges have `route_localnet` and what comes from 127.0.0.0/8 is masqueraded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.network.records import Publication


@dataclass(frozen=True, slots=True)
class BridgeRules:
    """What the firewall must know about one network's bridge."""

    bridge: str
    subnets: tuple[str, ...] = ()
    is_internal: bool = False
    masquerades: bool = True
    connects_containers: bool = True


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a set or map, as nftables writes it."""

    container: str
    key: str
    value: str = ""


def table_name(tag: str) -> str:
    """The table of the engine with that tag."""
    return f"pycompose_{tag}"


def bridge_elements(bridge: BridgeRules) -> list[Element]:
    """The elements that make a bridge known."""
    quoted = f'"{bridge.bridge}"'
    elements = [Element("own6" if ":" in subnet else "own4", f"{quoted} . {subnet}") for subnet in bridge.subnets]
    if bridge.connects_containers:
        elements.append(Element("within", f"{quoted} . {quoted}"))
    if bridge.is_internal:
        elements.append(Element("internal", quoted))
    elif bridge.masquerades:
        elements.append(Element("masqueraded", quoted))
    return elements


def publication_elements(publications: Iterable[Publication]) -> list[Element]:
    """The elements that publish ports. IPv6 ones exist only where the container has an IPv6 address; the others are
    served by a proxy.
    """
    elements = []
    for item in publications:
        target = item.address6 if item.is_ipv6 else item.address
        if not target:
            continue
        family = "6" if item.is_ipv6 else "4"
        key = f"{item.protocol} . {item.host_port}"
        value = f"{target} . {item.container_port}"
        if item.host_ip in ("", "0.0.0.0", "::"):
            elements.append(Element(f"publish{family}", key, value))
        else:
            elements.append(Element(f"publish{family}_at", f"{item.host_ip} . {key}", value))
    return elements


def add(tag: str, elements: Sequence[Element]) -> str:
    """Commands that add elements."""
    return "".join(
        f"add element inet {table_name(tag)} {item.container} "
        f"{{ {item.key}{f' : {item.value}' if item.value else ''} }}\n"
        for item in elements
    )


def remove(tag: str, elements: Sequence[Element]) -> str:
    """Commands that remove elements."""
    return "".join(f"delete element inet {table_name(tag)} {item.container} {{ {item.key} }}\n" for item in elements)


def drop_table(tag: str) -> str:
    """Commands that remove the table, whether or not it exists."""
    name = table_name(tag)
    return f"add table inet {name}\ndelete table inet {name}\n"


def whole_table(tag: str, elements: Sequence[Element]) -> str:
    """Commands that make the table with exactly these elements, replacing one that is there (one transaction)."""
    return drop_table(tag) + _TABLE.format(table=table_name(tag), ours=f'"pc{tag}*"') + add(tag, elements)


def docker_user_rule(tag: str, family: str, direction: str) -> str:
    """A command that lets our traffic pass the chain in which Docker leaves room for others (its own default is to
    drop what it does not know). `direction` is `iifname` or `oifname`.
    """
    return (
        f'insert rule {family} filter DOCKER-USER {direction} "pc{tag}*" counter accept comment "{table_name(tag)}"\n'
    )


_TABLE = """
table inet {table} {{
  set within {{ type ifname . ifname; }}
  set own4 {{ type ifname . ipv4_addr; flags interval; }}
  set own6 {{ type ifname . ipv6_addr; flags interval; }}
  set masqueraded {{ type ifname; }}
  set internal {{ type ifname; }}
  map publish4 {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
  map publish4_at {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
  map publish6 {{ type inet_proto . inet_service : ipv6_addr . inet_service; }}
  map publish6_at {{ type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }}
  chain guard {{
    type filter hook prerouting priority raw; policy accept;
    iifname {ours} ip daddr 127.0.0.0/8 drop
  }}
  chain publish {{
    meta nfproto ipv4 dnat ip to ip daddr . meta l4proto . th dport map @publish4_at
    meta nfproto ipv4 dnat ip to meta l4proto . th dport map @publish4
    ip6 daddr ::1 return
    meta nfproto ipv6 dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6_at
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @publish6
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump publish
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 127.0.0.0/8 oifname {ours} masquerade
    ct status dnat oifname . ip saddr @own4 masquerade
    ct status dnat oifname . ip6 saddr @own6 masquerade
    iifname @masqueraded oifname != {ours} masquerade
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname . oifname @within accept
    iifname @internal drop
    oifname @internal drop
    oifname {ours} ct state established,related accept
    oifname {ours} ct status dnat accept
    oifname {ours} drop
  }}
}}
"""
