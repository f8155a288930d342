"""rtnetlink messages for the hot path (rtnetlink(7)): encoded here by `struct`, because importing pyroute2 costs more
than starting ten containers. Pure; `netlink.py` sends them, in batches.

A message is a header (length, type, flags, sequence, port), a fixed body and attributes (length, type, payload,
padded to 4). Nested attributes are attributes whose payload is attributes.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_NEWADDR: Final = 20
RTM_NEWROUTE: Final = 24

NLMSG_ERROR: Final = 2
LOOPBACK_INDEX: Final = 1

_REQUEST_ACK: Final = 0x1 | 0x4
_CREATE_EXCLUSIVE: Final = 0x400 | 0x200
_REPLACE: Final = 0x400 | 0x100
_NESTED: Final = 0x8000
_UP: Final = 0x1

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 4, 10, 18, 28
_IFLA_LINK, _IFLA_ALIAS = 5, 20
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_VETH_PEER = 1
_BRPORT_HAIRPIN, _BRPORT_FLUSH, _BRPORT_ISOLATED = 4, 24, 33
_BRPORT_LEARNING, _BRPORT_FLOODS = 8, (9, 27, 30)  # floods: unknown addresses, groups, everybody
_MACVLAN_MODE = 1
_IPVLAN_MODE, _IPVLAN_FLAGS = 1, 2
_VLAN_ID = 1
_BR_STP = 5
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST = 1, 2, 4
_IFA_F_NODAD = 0x02
_RTA_OIF, _RTA_GATEWAY = 4, 5
_TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_UNIVERSE, _UNICAST = 254, 3, 0, 1


class Message(Struct, frozen=True):
    """One request, without its header; `about` names it in errors."""

    kind: int
    flags: int
    body: bytes
    about: str


class VethEnd(Struct, frozen=True):
    """One end of a veth pair."""

    name: str
    mac_address: str = ""


class Sublink(Struct, frozen=True):
    """A link on another one: `kind` is macvlan or ipvlan; its modes are the kernel's numbers."""

    end: VethEnd
    kind: str
    mode: int
    flag: int = 0


def frame(messages: Sequence[Message]) -> bytes:
    """The bytes of a batch; sequence numbers count from 1."""
    parts = []
    for number, message in enumerate(messages, start=1):
        length = 16 + len(message.body)
        parts.append(struct.pack("=IHHII", length, message.kind, message.flags | _REQUEST_ACK, number, 0))
        parts.append(message.body)
    return b"".join(parts)


def create_bridge(name: str, mac_address: str, mtu: int) -> Message:
    """A bridge that is down; no spanning tree, so its ports forward at once."""
    body = (
        _link()
        + _text(_IFLA_IFNAME, name)
        + _attribute(_IFLA_ADDRESS, _mac(mac_address))
        + _number(_IFLA_MTU, mtu)
        + _nest(_IFLA_LINKINFO, _text(_INFO_KIND, "bridge") + _nest(_INFO_DATA, _number(_BR_STP, 0)))
    )
    return Message(RTM_NEWLINK, _CREATE_EXCLUSIVE, body, f"create bridge {name}")


def create_veth(host: VethEnd, inner: VethEnd, bridge_index: int, namespace_fd: int, mtu: int) -> Message:
    """A veth pair: one end in the bridge and up, the other in the namespace behind `namespace_fd` (and down: an end
    cannot be up before it has its peer).
    """
    peer = (
        _link()
        + _text(_IFLA_IFNAME, inner.name)
        + _attribute(_IFLA_ADDRESS, _mac(inner.mac_address))
        + _number(_IFLA_MTU, mtu)
        + _number(_IFLA_NET_NS_FD, namespace_fd)
    )
    body = (
        _link(up=True)
        + _text(_IFLA_IFNAME, host.name)
        + _number(_IFLA_MTU, mtu)
        + _number(_IFLA_MASTER, bridge_index)
        + _nest(_IFLA_LINKINFO, _text(_INFO_KIND, "veth") + _nest(_INFO_DATA, _nest(_VETH_PEER, peer)))
    )
    return Message(RTM_NEWLINK, _CREATE_EXCLUSIVE, body, f"create veth {host.name}")


def bridge_port(name: str, *, is_isolated: bool) -> Message:
    """Let a bridge port send frames back to where they came from: with br_netfilter a container's call to its own
    published port is turned round inside the bridge. Isolated ports reach the bridge, but not each other.
    """
    port = _attribute(_BRPORT_HAIRPIN, b"\x01")
    if is_isolated:
        port += _attribute(_BRPORT_ISOLATED, b"\x01")
    return _change_port(name, port, f"set up bridge port {name}")


def forget_port(name: str) -> Message:
    """Have a bridge forget who is behind a port, learn nobody there, and send nothing there that is for everybody.

    Waits for no reader, as taking it out of the bridge would.
    """
    off = b"".join(_attribute(kind, b"\x00") for kind in (_BRPORT_LEARNING, *_BRPORT_FLOODS))
    return _change_port(name, off + _attribute(_BRPORT_FLUSH, b""), f"forget bridge port {name}")


def _change_port(name: str, port: bytes, aim: str) -> Message:
    slave = _text(_INFO_SLAVE_KIND, "bridge") + _nest(_INFO_SLAVE_DATA, port)
    body = _link() + _text(_IFLA_IFNAME, name) + _nest(_IFLA_LINKINFO, slave)
    return Message(RTM_NEWLINK, 0, body, aim)


def create_sublink(sublink: Sublink, parent_index: int, namespace_fd: int, mtu: int) -> Message:
    """A macvlan or ipvlan of a link of ours, in the namespace behind `namespace_fd`, and down. It is the first thing of
    its name there, so nothing has to be renamed. An ipvlan has its parent's MAC address.
    """
    if sublink.kind == "macvlan":
        data = _number(_MACVLAN_MODE, sublink.mode)
        own = _attribute(_IFLA_ADDRESS, _mac(sublink.end.mac_address))
    else:
        data = _short(_IPVLAN_MODE, sublink.mode) + _short(_IPVLAN_FLAGS, sublink.flag)
        own = b""
    body = (
        _link()
        + _text(_IFLA_IFNAME, sublink.end.name)
        + own
        + _number(_IFLA_MTU, mtu)
        + _number(_IFLA_LINK, parent_index)
        + _number(_IFLA_NET_NS_FD, namespace_fd)
        + _nest(_IFLA_LINKINFO, _text(_INFO_KIND, sublink.kind) + _nest(_INFO_DATA, data))
    )
    return Message(RTM_NEWLINK, _CREATE_EXCLUSIVE, body, f"create {sublink.kind} {sublink.end.name}")


def create_dummy(name: str) -> Message:
    """A link that is up and leads nowhere."""
    body = _link(up=True) + _text(_IFLA_IFNAME, name) + _nest(_IFLA_LINKINFO, _text(_INFO_KIND, "dummy"))
    return Message(RTM_NEWLINK, _CREATE_EXCLUSIVE, body, f"create dummy {name}")


def create_vlan(name: str, parent_index: int, number: int) -> Message:
    """The part of a link whose frames carry an 802.1Q number; up."""
    info = _text(_INFO_KIND, "vlan") + _nest(_INFO_DATA, _short(_VLAN_ID, number))
    body = _link(up=True) + _text(_IFLA_IFNAME, name) + _number(_IFLA_LINK, parent_index) + _nest(_IFLA_LINKINFO, info)
    return Message(RTM_NEWLINK, _CREATE_EXCLUSIVE, body, f"create vlan {name}")


def set_alias(name: str, alias: str) -> Message:
    """Note on a link whose it is, where its name does not say so."""
    return Message(
        RTM_NEWLINK, 0, _link() + _text(_IFLA_IFNAME, name) + _attribute(_IFLA_ALIAS, alias.encode()), f"tag {name}"
    )


def set_up(index: int) -> Message:
    """Bring a link up."""
    return Message(RTM_NEWLINK, 0, _link(index=index, up=True), f"bring link {index} up")


def delete_link(name: str) -> Message:
    """Remove a link by name."""
    return Message(RTM_DELLINK, 0, _link() + _text(_IFLA_IFNAME, name), f"delete link {name}")


def add_address(index: int, interface: str) -> Message:
    """Give a link an address such as `172.18.0.2/16`; IPv6 ones are used at once (IPAM knows of no duplicate)."""
    parsed = ipaddress.ip_interface(interface)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    flags = 0 if parsed.version == 4 else _IFA_F_NODAD
    body = struct.pack("=BBBBI", family, parsed.network.prefixlen, flags, _SCOPE_UNIVERSE, index)
    body += _attribute(_IFA_LOCAL, parsed.packed) + _attribute(_IFA_ADDRESS, parsed.packed)
    if parsed.version == 4:
        body += _attribute(_IFA_BROADCAST, parsed.network.broadcast_address.packed)
    return Message(RTM_NEWADDR, _REPLACE, body, f"add address {interface}")


def default_route(index: int, gateway: str) -> Message:
    """Send everything else through `gateway`, or if that is unspecified (`0.0.0.0`, `::`) straight out of the link."""
    parsed = ipaddress.ip_address(gateway)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, _TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_UNIVERSE, _UNICAST, 0)
    body += _number(_RTA_OIF, index)
    if not parsed.is_unspecified:
        body += _attribute(_RTA_GATEWAY, parsed.packed)
    return Message(RTM_NEWROUTE, _REPLACE, body, f"add default route through {gateway}")


def answers(data: bytes) -> list[tuple[int, int]]:
    """(sequence, errno) of the acknowledgements in what the kernel sent; errno 0 is success."""
    found = []
    while len(data) >= 20:
        length, kind, _flags, number, _port, error = struct.unpack_from("=IHHIIi", data)
        if kind == NLMSG_ERROR:
            found.append((number, -error))
        data = data[(length + 3) & ~3 :]
    return found


def _link(*, index: int = 0, up: bool = False) -> bytes:
    flags = _UP if up else 0
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + bytes(-length % 4)


def _nest(kind: int, payload: bytes) -> bytes:
    return _attribute(kind | _NESTED, payload)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _number(kind: int, number: int) -> bytes:
    return _attribute(kind, struct.pack("=I", number))


def _short(kind: int, number: int) -> bytes:
    return _attribute(kind, struct.pack("=H", number))


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
