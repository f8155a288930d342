"""Links as the kernel describes them: asking by rtnetlink messages and reading the answers (rtnetlink(7)). Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

_RTM_NEWLINK: Final = 16
_RTM_DELLINK: Final = 17
_RTM_GETLINK: Final = 18
_ANY_FAMILY: Final = 0
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_REQUEST, _DUMP, _DUMP_INTERRUPTED = 0x1, 0x300, 0x10
_IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_IFALIAS, _IFLA_EXT_MASK = 3, 4, 10, 18, 20, 29
_INFO_KIND: Final = 1
_WITHOUT_STATISTICS: Final = 0x8
_IFF_UP: Final = 0x1
_TYPE_MASK: Final = 0x3FFF
_HEADER = struct.Struct("=IHHII")
_IFINFO = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=I")


class LinkView(Struct, frozen=True):
    """One link. `kind` is what made it (`bridge`, `veth`, "" for hardware), `master` the index of its bridge or 0."""

    index: int
    name: str
    mtu: int = 0
    kind: str = ""
    master: int = 0
    alias: str = ""
    is_up: bool = False


class Answer(Struct, frozen=True):
    """A part of what the kernel answers. `is_torn` tells that links came and went meanwhile, so some may be missing."""

    links: list[LinkView]
    is_last: bool = False
    is_torn: bool = False


def question(name: str) -> bytes:
    """Ask for the link of that name."""
    return _request(0, _text(_IFLA_IFNAME, name))


def question_for_all(master: int = 0) -> bytes:
    """Ask for all links, or for those in the bridge with that index."""
    return _request(_DUMP, _number(_IFLA_MASTER, master) if master else b"")


def parse(data: bytes) -> Answer:
    """Read what the kernel sent at once. An error is the end, too: the answer to who asks for a name that no link has,
    or that none can have.
    """
    links, is_last, is_torn = [], False, False
    while len(data) >= _HEADER.size:
        length, kind, flags, _sequence, _port = _HEADER.unpack_from(data)
        is_last = is_last or kind in (_NLMSG_ERROR, _NLMSG_DONE)
        is_torn = is_torn or bool(flags & _DUMP_INTERRUPTED)
        if kind == _RTM_NEWLINK:
            links.append(_link(data[_HEADER.size : length]))
        data = data[(length + 3) & ~3 :]
    return Answer(links, is_last, is_torn)


def removed(data: bytes) -> set[int]:
    """The indexes of links that are gone, as the kernel tells who listens. One that only leaves a bridge is not: that
    is told in the bridge's own family.
    """
    gone = set()
    while len(data) >= _HEADER.size + _IFINFO.size:
        length, kind, _flags, _sequence, _port = _HEADER.unpack_from(data)
        family, _type, index, _link_flags, _change = _IFINFO.unpack_from(data, _HEADER.size)
        if kind == _RTM_DELLINK and family == _ANY_FAMILY:
            gone.add(index)
        data = data[(length + 3) & ~3 :]
    return gone


def _link(body: bytes) -> LinkView:
    _family, _type, index, flags, _change = _IFINFO.unpack_from(body)
    found = dict(_attributes(body[_IFINFO.size :]))
    information = dict(_attributes(found.get(_IFLA_LINKINFO, b"")))
    return LinkView(
        index=index,
        name=_read_text(found.get(_IFLA_IFNAME)),
        mtu=_read_number(found.get(_IFLA_MTU)),
        kind=_read_text(information.get(_INFO_KIND)),
        master=_read_number(found.get(_IFLA_MASTER)),
        alias=_read_text(found.get(_IFLA_IFALIAS)),
        is_up=bool(flags & _IFF_UP),
    )


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _TYPE_MASK, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]


def _request(flags: int, attributes: bytes) -> bytes:
    body = _IFINFO.pack(0, 0, 0, 0, 0) + attributes + _number(_IFLA_EXT_MASK, _WITHOUT_STATISTICS)
    return _HEADER.pack(_HEADER.size + len(body), _RTM_GETLINK, _REQUEST | flags, 1, 0) + body


def _text(kind: int, text: str) -> bytes:
    payload = text.encode() + b"\0"
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), kind) + payload + bytes(-len(payload) % 4)


def _number(kind: int, number: int) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + _NUMBER.size, kind) + _NUMBER.pack(number)


def _read_text(payload: bytes | None) -> str:
    return (payload or b"").split(b"\0")[0].decode("utf-8", "replace")


def _read_number(payload: bytes | None) -> int:
    number: int = _NUMBER.unpack_from(payload)[0] if payload else 0
    return number
