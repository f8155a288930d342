"""DNS messages (RFC 1035, RFC 2308, RFC 6891) and the answers of the embedded name server. Pure.

Only what a name server for containers needs: one question per query, and answers of type A, AAAA and PTR. What is
not ours is forwarded as the bytes it came in.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from msgspec import Struct

TYPE_A: Final = 1
TYPE_SOA: Final = 6
TYPE_PTR: Final = 12
TYPE_AAAA: Final = 28
TYPE_OPT: Final = 41
TYPE_ANY: Final = 255
CLASS_IN: Final = 1

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5

# Containers come and go; resolvers inside them hardly cache, but some programs do.
TTL_SECONDS: Final = 5
MAX_UDP_BYTES: Final = 512
# What passes every link without fragments (DNS Flag Day 2020).
EDNS_UDP_BYTES: Final = 1232

_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_QR, _AA, _TC, _RD, _RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_OPCODE = 0x7800


# An OPT record: the root's name, its type, how much we take, no flags, no options.
_OWN_OPTIONS: Final = struct.pack(">BHHIH", 0, TYPE_OPT, EDNS_UDP_BYTES, 0, 0)


class NotAQuery(ValueError):
    """The bytes are no DNS query that can be answered; `reply` is what to say, if anything."""

    def __init__(self, reply: bytes | None) -> None:
        super().__init__("not a DNS query")
        self.reply = reply


class Question(Struct, frozen=True):
    """A parsed query. `name` is lower case without the final dot; `end` is where the question ends in `raw`.
    `payload_bytes` is how much the asker takes over UDP, where it says so (EDNS), else 0.
    """

    raw: bytes
    name: str
    kind: int
    end: int
    payload_bytes: int = 0

    @property
    def identity(self) -> bytes:
        """What makes two queries the same one: everything but the transaction id."""
        return self.raw[2:]


def parse_query(raw: bytes) -> Question:
    """Parse a query with one question. Raises `NotAQuery`."""
    if len(raw) < 12:
        raise NotAQuery(None)
    _identity, flags, questions, _answers, _authorities, _additionals = _HEADER.unpack_from(raw)
    if flags & _QR:
        raise NotAQuery(None)
    if flags & _OPCODE:
        raise NotAQuery(_failure(raw[:12], NOTIMP))
    parsed = _parse_name(raw, 12) if questions == 1 else None
    if parsed is None or len(raw) < parsed[1] + 4:
        raise NotAQuery(_failure(raw[:12], FORMERR))
    name, offset = parsed
    kind, _klass = struct.unpack_from(">HH", raw, offset)
    return Question(raw, name, kind, offset + 4, _payload_bytes(raw, offset + 4))


def reply(
    question: Question,
    code: int,
    addresses: Sequence[str] = (),
    pointers: Sequence[str] = (),
    *,
    over_tcp: bool = False,
) -> bytes:
    """Answer a question ourselves. With NOERROR and no records this is "the name exists, but not with that type", which
    is not the same as NXDOMAIN: a resolver that asked for A and AAAA takes NXDOMAIN for both.
    """
    records = [_address_record(address) for address in addresses] + [
        _record(TYPE_PTR, encode_name(name)) for name in pointers
    ]
    flags = _QR | _AA | _RA | code | _flag(question.raw, _RD)
    # Who speaks EDNS is answered in it, and may take more.
    options = _OWN_OPTIONS if question.payload_bytes else b""
    most = min(max(question.payload_bytes, MAX_UDP_BYTES), EDNS_UDP_BYTES)
    room = most - question.end - len(options)
    if sum(map(len, records)) > room and not over_tcp:
        # With as many as there is room for: musl before 1.2.4 takes these, as it never asks over TCP.
        records = _fitting(records, room)
        flags |= _TC
    header = question.raw[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 1 if options else 0)
    return header + question.raw[12 : question.end] + b"".join(records) + options


def _fitting(records: Sequence[bytes], room_bytes: int) -> list[bytes]:
    ends = accumulate(map(len, records))
    return [record for record, end in zip(records, ends, strict=True) if end <= room_bytes]


def failure(question: Question, code: int) -> bytes:
    """Say that a query cannot be answered (SERVFAIL, REFUSED), without claiming authority."""
    flags = _QR | _RA | code | _flag(question.raw, _RD)
    return question.raw[:2] + struct.pack(">HHHHH", flags, 1, 0, 0, 0) + question.raw[12 : question.end]


def belongs_to(answer: bytes, question: Question) -> bool:
    """Whether an answer from outside is one to that question (id and question section, but for letter case)."""
    same = question.raw[12 : question.end].lower()
    return (
        len(answer) >= question.end
        and answer[:2] == question.raw[:2]
        and bool(answer[2] & 0x80)
        and answer[12 : question.end].lower() == same
    )


def is_truncated(answer: bytes) -> bool:
    """Whether an answer says that it is not whole, so that the question should be asked over TCP."""
    return bool(answer[2] & 0x02)


def response_code(answer: bytes) -> int:
    """The code of an answer: NOERROR, NXDOMAIN, SERVFAIL …"""
    return answer[3] & 0x0F


def for_question(answer: bytes, question: Question) -> bytes:
    """An answer to an equal query, addressed to this one (id, letter case of the name)."""
    return question.raw[:2] + answer[2:12] + question.raw[12 : question.end] + answer[question.end :]


def lifetime_seconds(answer: bytes, question: Question, at_most: float) -> float:
    """How long an answer may be kept: its smallest TTL; 0 for what carries none (RFC 2308: no SOA, no caching)."""
    _identity, _flags, _questions, answers, authorities, _additionals = _HEADER.unpack_from(answer)
    offset = question.end
    lifetimes: list[float] = []
    for _ in range(answers + authorities):
        parsed = _parse_name(answer, offset)
        if parsed is None or len(answer) < parsed[1] + 10:
            return 0
        kind, _klass, ttl, length = struct.unpack_from(">HHIH", answer, parsed[1])
        offset = parsed[1] + 10 + length
        if kind == TYPE_SOA and not answers and length >= 4 and offset <= len(answer):
            ttl = min(ttl, struct.unpack_from(">I", answer, offset - 4)[0])
        lifetimes.append(ttl)
    return min(*lifetimes, at_most) if lifetimes else 0


def reverse_address(name: str) -> str | None:
    """The address that a reverse name (`2.0.18.172.in-addr.arpa`, `….ip6.arpa`) asks about, else None."""
    try:
        if name.endswith(".in-addr.arpa"):
            labels = name.removesuffix(".in-addr.arpa").split(".")
            return str(ipaddress.IPv4Address(".".join(reversed(labels))))
        if name.endswith(".ip6.arpa"):
            digits = "".join(reversed(name.removesuffix(".ip6.arpa").split(".")))
            return str(ipaddress.IPv6Address(bytes.fromhex(digits)))
    except ValueError:
        return None
    return None


def encode_name(name: str) -> bytes:
    """A name as labels. What does not fit (63 bytes a label) cannot be asked for either and is cut."""
    labels = [label.encode("utf-8", "replace")[:63] for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def query(name: str, kind: int, identity: int = 0) -> bytes:
    """A recursive query, as a resolver sends it."""
    return _HEADER.pack(identity, _RD, 1, 0, 0, 0) + encode_name(name) + struct.pack(">HH", kind, CLASS_IN)


def _payload_bytes(raw: bytes, offset: int) -> int:
    """What an OPT record after the question says of the asker's room; 0 without one, or after something else."""
    _identity, _flags, _questions, answers, authorities, additionals = _HEADER.unpack_from(raw)
    if answers or authorities or not additionals or len(raw) < offset + 11 or raw[offset]:
        return 0
    kind, payload_bytes = struct.unpack_from(">HH", raw, offset + 1)
    return max(payload_bytes, MAX_UDP_BYTES) if kind == TYPE_OPT else 0


def _failure(header: bytes, code: int) -> bytes:
    return header[:2] + struct.pack(">HHHHH", _QR | _RA | code, 0, 0, 0, 0)


def _flag(raw: bytes, flag: int) -> int:
    flags: int = struct.unpack_from(">H", raw, 2)[0]
    return flags & flag


def _address_record(address: str) -> bytes:
    # Not by `ipaddress`, which takes ten times as long: a name may have a thousand addresses.
    if ":" in address:
        return _record(TYPE_AAAA, socket.inet_pton(socket.AF_INET6, address))
    return _record(TYPE_A, socket.inet_pton(socket.AF_INET, address))


def _record(kind: int, payload: bytes) -> bytes:
    # The owner is a pointer to the question's name, which always is at offset 12.
    return b"\xc0\x0c" + _RECORD.pack(kind, CLASS_IN, TTL_SECONDS, len(payload)) + payload


def _parse_name(raw: bytes, offset: int) -> tuple[str, int] | None:
    """A name and where it ends; a compression pointer ends it (its target does not matter to us)."""
    labels: list[bytes] = []
    while offset < len(raw):
        length = raw[offset]
        if length == 0:
            return b".".join(labels).decode("latin-1").lower(), offset + 1
        if length & 0xC0:
            return ("", offset + 2) if length & 0xC0 == 0xC0 else None
        labels.append(raw[offset + 1 : offset + 1 + length])
        offset += 1 + length
        if len(labels) > 127:
            return None
    return None
