"""Forgetting UDP flows that the kernel tracks (nfnetlink, subsystem ctnetlink). Blocks.

UDP has no connections that end: a client that sent to a host port before it was published, or while it led to another
container, would go on reaching the old place for minutes, because only the first packet of a flow is translated.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Collection, Iterator
from typing import Final

log = logging.getLogger(__name__)

_NETLINK_NETFILTER: Final = 12
_GET, _DELETE = (1 << 8) | 1, (1 << 8) | 2
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_DONE, _ERROR = 3, 2
_TUPLE_ORIGINAL, _TUPLE_PROTOCOL, _PROTOCOL_NUMBER, _DESTINATION_PORT = 1, 2, 1, 3
_TYPE_MASK = 0x3FFF


def forget_udp_flows(host_ports: Collection[int]) -> None:
    """Forget flows whose first packet went to one of these UDP ports. What the kernel refuses is only logged: without
    connection tracking there is nothing to forget.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as kernel:
            kernel.bind((0, 0))
            for family in (socket.AF_INET, socket.AF_INET6):
                for flow in [flow for flow, port in _udp_flows(kernel, family) if port in host_ports]:
                    _request(kernel, _DELETE, _ACK, family, flow)
                    kernel.recv(1 << 16)
    except OSError as exc:
        log.info("cannot forget old UDP flows: %s", exc)


def _udp_flows(kernel: socket.socket, family: int) -> Iterator[tuple[bytes, int]]:
    """(the attribute that identifies a flow, its destination port) of all UDP flows."""
    _request(kernel, _GET, _DUMP, family, b"")
    while True:
        data = kernel.recv(1 << 18)
        while len(data) >= 16:
            length, kind = struct.unpack_from("=IH", data)
            if kind in (_DONE, _ERROR):
                return
            flow = _attributes(data[20:length]).get(_TUPLE_ORIGINAL, b"")
            protocol = _attributes(_attributes(flow).get(_TUPLE_PROTOCOL, b""))
            if protocol.get(_PROTOCOL_NUMBER) == bytes((socket.IPPROTO_UDP,)):
                attribute = struct.pack("=HH", 4 + len(flow), _TUPLE_ORIGINAL | 0x8000) + flow
                yield attribute, int.from_bytes(protocol.get(_DESTINATION_PORT, b""), "big")
            data = data[(length + 3) & ~3 :]


def _request(kernel: socket.socket, kind: int, flags: int, family: int, attributes: bytes) -> None:
    header = struct.pack("=IHHII", 20 + len(attributes), kind, _REQUEST | flags, 1, 0)
    kernel.send(header + struct.pack("=BBH", family, 0, 0) + attributes)


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & _TYPE_MASK] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found
