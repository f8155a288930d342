"""nf_tables messages (linux/netfilter/nf_tables.h), encoded by `struct`. Pure; `firewall.py` sends them.

The library of nftables is not used on purpose: before each change it reads all sets and chains of all tables on the
host, and some that others made (a set whose `typeof` it cannot parse) end the process that reads them. These messages
name our own table and nothing else, so no other program's rules can matter, however many there are.

A message is a header, four bytes (family, version, two zeros) and attributes. An expression is a step of the kernel's
little machine: it loads into registers, compares, looks up, and at last gives a verdict. Registers are counted here in
words of four bytes; numbers are big-endian, values as they are in a packet.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Literal

from msgspec import Struct

INET: Final = 1
FAMILIES: Final = {"inet": INET, "ip": 2, "ip6": 10}

NEWTABLE, GETTABLE, DELTABLE, NEWCHAIN, GETCHAIN = range(5)
NEWRULE, GETRULE, DELRULE, NEWSET = range(6, 10)
NEWSETELEM, DELSETELEM = 12, 14

INTERVAL: Final = 0x4
MAP: Final = 0x8
CONCATENATION: Final = 0x80

_SUBSYSTEM: Final = 10 << 8
_BATCH_BEGIN, _BATCH_END = 16, 17
_REQUEST, _ACK, _DUMP, _CREATE, _APPEND = 0x1, 0x4, 0x300, 0x400, 0x800
_NESTED: Final = 0x8000
_ELEMENTS_PER_MESSAGE: Final = 256  # attributes end at 64 KiB

_RULE_COMMENT: Final = 0
# For `nft list` only, which would print names of links backwards; joined keys are in the order of their parts.
_HOST_BYTE_ORDER: Final = struct.pack("=BBI", 0, 4, 1)

Verdict = Literal["accept", "drop", "return"]
Expression = tuple[str, bytes]

_VERDICTS: Final[dict[str, int]] = {"drop": 0, "accept": 1, "jump": -3, "return": -5}
_META: Final = {"iifname": 6, "oifname": 7, "nfproto": 15, "l4proto": 16}
_CONNECTION: Final = {"state": 0, "status": 2}
_BASES: Final = {"network": 1, "transport": 2}


class Message(Struct, frozen=True):
    """One request; `about` names it in errors."""

    kind: int
    family: int
    flags: int
    body: bytes
    about: str


class Field(Struct, frozen=True):
    """One part of a set's key or value: nftables' number of its type (so that `nft list` can print it) and length."""

    type_number: int
    length_bytes: int


class Set(Struct, frozen=True):
    """A set, or a map if it has `data`."""

    name: str
    key: tuple[Field, ...]
    data: tuple[Field, ...] = ()
    has_intervals: bool = False


class Hook(Struct, frozen=True):
    """Where a base chain sits."""

    kind: str
    number: int
    priority: int


class Entry(Struct, frozen=True):
    """One element of a set or map in bytes; `key_end` closes an interval."""

    key: bytes
    key_end: bytes = b""
    data: bytes = b""


def transaction(messages: Sequence[Message]) -> bytes:
    """The bytes that make the kernel do all of it or nothing. Message n has sequence number n + 1, and only the end is
    acknowledged (errors always are): thousands of acknowledgements would not fit into a socket.
    """
    parts = [_header(_BATCH_BEGIN, _REQUEST, 0, 0, 10, b"")]
    for number, message in enumerate(messages, start=1):
        flags = message.flags | _REQUEST | (_ACK if number == len(messages) else 0)
        parts.append(_header(_SUBSYSTEM | message.kind, flags, number, message.family, 0, message.body))
    parts.append(_header(_BATCH_END, _REQUEST, len(messages) + 1, 0, 10, b""))
    return b"".join(parts)


def query(message: Message) -> bytes:
    """The bytes of a question; the answer ends with an acknowledgement, or for a dump with NLMSG_DONE."""
    return _header(_SUBSYSTEM | message.kind, message.flags | _REQUEST | _ACK, 1, message.family, 0, message.body)


def add_table(name: str) -> Message:
    """Make a table unless it is there."""
    return Message(NEWTABLE, INET, _CREATE, _text(1, name) + _number(2, 0), f"add table {name}")


def delete_table(name: str) -> Message:
    """Remove a table with all it has."""
    return Message(DELTABLE, INET, 0, _text(1, name), f"delete table {name}")


def get_table(name: str) -> Message:
    """Ask whether there is such a table."""
    return Message(GETTABLE, INET, 0, _text(1, name), f"get table {name}")


def add_chain(table: str, name: str, hook: Hook | None = None) -> Message:
    """Make a chain; one with a hook sees packets by itself and accepts them by default."""
    body = _text(1, table) + _text(3, name)
    if hook is not None:
        body += _text(7, hook.kind) + _number(5, _VERDICTS["accept"])
        body += _nest(4, _number(1, hook.number) + _number(2, hook.priority))
    return Message(NEWCHAIN, INET, _CREATE, body, f"add chain {name}")


def get_chain(family: int, table: str, name: str) -> Message:
    """Ask whether there is such a chain."""
    return Message(GETCHAIN, family, 0, _text(1, table) + _text(3, name), f"get chain {name}")


def add_set(table: str, item: Set, number: int) -> Message:
    """Make a set or map; `number` tells it from others of the transaction."""
    flags = INTERVAL | CONCATENATION if item.has_intervals else 0
    body = _text(1, table) + _text(2, item.name) + _number(4, _type_number(item.key)) + _number(5, _length(item.key))
    if item.data:
        flags |= MAP
        body += _number(6, _type_number(item.data)) + _number(7, _length(item.data))
    if item.has_intervals:
        lengths = b"".join(_nest(1, _number(1, field.length_bytes)) for field in item.key)
        body += _nest(9, _nest(2, lengths))
    body += _number(3, flags) + _number(10, number) + _attribute(13, _HOST_BYTE_ORDER)
    return Message(NEWSET, INET, _CREATE, body, f"add set {item.name}")


def add_entries(table: str, name: str, entries: Iterable[Entry]) -> list[Message]:
    """Add elements; one that is there already, with the same value, is fine."""
    return [
        Message(NEWSETELEM, INET, _CREATE, _entries(table, name, some), f"add element to {name}")
        for some in _batches(entries)
    ]


def delete_entries(table: str, name: str, entries: Iterable[Entry]) -> list[Message]:
    """Remove elements that are there."""
    return [
        Message(DELSETELEM, INET, 0, _entries(table, name, some), f"delete element from {name}")
        for some in _batches(entries)
    ]


def append_rule(table: str, chain: str, expressions: Sequence[Expression]) -> Message:
    """Add a rule at the end of a chain."""
    body = _text(1, table) + _text(2, chain) + _steps(expressions)
    return Message(NEWRULE, INET, _CREATE | _APPEND, body, f"add rule to {chain}")


def insert_rule(family: int, table: str, chain: str, expressions: Sequence[Expression], comment: str) -> Message:
    """Put a rule with a comment in front of a chain that may be another program's."""
    note = comment.encode() + b"\0"
    body = _text(1, table) + _text(2, chain) + _steps(expressions)
    body += _attribute(7, struct.pack("BB", _RULE_COMMENT, len(note)) + note)
    return Message(NEWRULE, family, _CREATE, body, f"insert rule into {chain}")


def delete_rule(family: int, table: str, chain: str, handle: int) -> Message:
    """Remove the rule with that handle."""
    body = _text(1, table) + _text(2, chain) + _attribute(3, struct.pack(">Q", handle))
    return Message(DELRULE, family, 0, body, f"delete rule from {chain}")


def list_rules(family: int, table: str, chain: str) -> Message:
    """Ask for the rules of a chain."""
    return Message(GETRULE, family, _DUMP, _text(1, table) + _text(2, chain), f"list rules of {chain}")


def rule_handle_and_comment(answer: bytes) -> tuple[int, str]:
    """What identifies a rule, from the kernel's description of it (without the header)."""
    handle, comment = 0, ""
    for kind, payload in _attributes(answer[4:]):
        if kind == 3:
            handle = int.from_bytes(payload, "big")
        elif kind == 7 and payload[:1] == bytes([_RULE_COMMENT]):
            comment = payload[2 : 2 + payload[1]].rstrip(b"\0").decode(errors="replace")
    return handle, comment


def meta(key: str, register: int = 0) -> Expression:
    """Load what is known of a packet besides its bytes: `iifname`, `oifname`, `nfproto`, `l4proto`."""
    return "meta", _register(1, register) + _number(2, _META[key])


def payload(base: str, offset_bytes: int, length_bytes: int, register: int = 0) -> Expression:
    """Load bytes of the `network` or `transport` header."""
    where = _number(2, _BASES[base]) + _number(3, offset_bytes) + _number(4, length_bytes)
    return "payload", _register(1, register) + where


def address_type(register: int = 0) -> Expression:
    """Load the routing type of the destination (2: one of the host's own addresses)."""
    return "fib", _register(1, register) + _number(2, 3) + _number(3, 2)


def connection(key: str, mask: int) -> tuple[Expression, ...]:
    """Go on if the connection's `state` or `status` has one of the bits (in the host's byte order)."""
    bits, zero = struct.pack("=I", mask), bytes(4)
    masked = _register(1, 0) + _register(2, 0) + _number(3, 4) + _value(4, bits) + _value(5, zero)
    return ("ct", _register(1, 0) + _number(2, _CONNECTION[key])), ("bitwise", masked), compare(zero, is_equal=False)


def compare(value: bytes, *, is_equal: bool = True) -> Expression:
    """Go on if the first register begins with `value`."""
    return "cmp", _register(1, 0) + _number(2, 0 if is_equal else 1) + _value(3, value)


def lookup(name: str, *, is_map: bool = False, is_in: bool = True) -> Expression:
    """Go on if the registers are in a set (or are not); a map's value is loaded over them."""
    inverted = b"" if is_in else _number(5, 1)
    return "lookup", _text(1, name) + _register(2, 0) + (_register(3, 0) if is_map else b"") + inverted


def translate_destination(family: int, port_register: int) -> Expression:
    """Send on to the address in the first register and the port in another."""
    return "nat", _number(1, 1) + _number(2, family) + _register(3, 0) + _register(5, port_register)


def masquerade() -> Expression:
    """Leave with the address of the outgoing link."""
    return "masq", b""


def count() -> Expression:
    """Count packets."""
    return "counter", b""


def verdict(word: Verdict) -> Expression:
    """Decide."""
    return "immediate", _number(1, 0) + _nest(2, _nest(2, _number(1, _VERDICTS[word])))


def jump(chain: str) -> Expression:
    """Go on in another chain, and come back."""
    return "immediate", _number(1, 0) + _nest(2, _nest(2, _number(1, _VERDICTS["jump"]) + _text(2, chain)))


def padded(value: bytes) -> bytes:
    """A part of a key or value, filled up to whole registers."""
    return value + bytes(-len(value) % 4)


def _steps(expressions: Sequence[Expression]) -> bytes:
    return _nest(4, b"".join(_nest(1, _text(1, name) + _nest(2, body)) for name, body in expressions))


def _entries(table: str, name: str, entries: Sequence[Entry]) -> bytes:
    return _text(1, table) + _text(2, name) + _nest(3, b"".join(_nest(1, _entry(item)) for item in entries))


def _entry(item: Entry) -> bytes:
    body = _value(1, item.key)
    if item.data:
        body += _value(2, item.data)
    if item.key_end:
        body += _value(10, item.key_end)
    return body


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while some := list(islice(rest, _ELEMENTS_PER_MESSAGE)):
        yield some


def _type_number(fields: Sequence[Field]) -> int:
    number = 0
    for field in fields:
        number = number << 6 | field.type_number
    return number


def _length(fields: Sequence[Field]) -> int:
    return fields[0].length_bytes if len(fields) == 1 else sum((item.length_bytes + 3) & ~3 for item in fields)


def _header(kind: int, flags: int, sequence: int, family: int, resource: int, body: bytes) -> bytes:
    start = struct.pack("=IHHII", 20 + len(body), kind, flags, sequence, 0)
    return start + struct.pack("=BBH", family, 0, socket.htons(resource)) + body


def _attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + bytes(-length % 4)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & ~_NESTED, data[4:length]
        data = data[(length + 3) & ~3 :]


def _nest(kind: int, payload: bytes) -> bytes:
    return _attribute(kind | _NESTED, payload)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _number(kind: int, number: int) -> bytes:
    return _attribute(kind, struct.pack(">I", number & 0xFFFFFFFF))


def _value(kind: int, value: bytes) -> bytes:
    return _nest(kind, _attribute(1, value))


def _register(kind: int, words: int) -> bytes:
    return _number(kind, 8 + words)
