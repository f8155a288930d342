"""Writing tar headers (POSIX ustar, pax where ustar is too small), equal bytes for equal entries.

The counterpart of `tarstream`. Names are bytes and kept as they are: what is not UTF-8 is marked by `hdrcharset`
(POSIX, pax Extended Header) and read back by GNU tar, Go and Python alike.
"""

from __future__ import annotations

from typing import Final

from engine.storage.tarstream import BLOCK, DIRECTORY, FILE, Entry

END: Final = bytes(2 * BLOCK)
_PAX_NAME: Final = b"././@PaxHeader"
_MOST_OCTAL_7: Final = 0o7777777
_MOST_OCTAL_11: Final = 0o77777777777
_NAME_BYTES: Final = 100
_PREFIX_BYTES: Final = 155
_SECOND: Final = 1_000_000_000
_LAYOUT: Final = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0        %b%bustar\x0000%b%07o\0%07o\0%b"
_NOBODY: Final = bytes(64)  # user and group names mean nothing on another machine


def header(entry: Entry) -> bytes:
    """What precedes an entry's data: one block, or three and more when something does not fit into one."""
    name = entry.name + b"/" if entry.type == DIRECTORY else entry.name
    records: dict[bytes, bytes] = {}
    base, prefix = _split(name)
    if not base:
        records[b"path"] = name
        base = _plain(name)
    link = entry.link
    if len(link) > _NAME_BYTES or not link.isascii():
        records[b"linkpath"] = link
        link = _plain(link)
    uid, gid = _fitting(entry.uid, b"uid", records), _fitting(entry.gid, b"gid", records)
    size = entry.size
    if size > _MOST_OCTAL_11:
        records[b"size"] = b"%d" % size
        size = 0
    seconds, rest = divmod(entry.mtime_ns, _SECOND)
    if rest or not 0 <= seconds <= _MOST_OCTAL_11:
        records[b"mtime"] = _decimal_seconds(entry.mtime_ns)
        seconds = min(max(seconds, 0), _MOST_OCTAL_11)
    for attribute, value in entry.xattrs.items():
        records[b"SCHILY.xattr." + attribute] = value
    numbers = (entry.mode, uid, gid, size, seconds)
    block = _block(base, numbers, entry.type, link, device=entry.device, prefix=prefix)
    return _pax(records) + block if records else block


def file_header(name: str, size_bytes: int, *, mtime_ns: int = 0, mode: int = 0o644) -> bytes:
    """The header of a plain file that belongs to nobody in particular."""
    return header(_entry(name, FILE, size_bytes, mtime_ns, mode))


def directory_header(name: str, *, mtime_ns: int = 0, mode: int = 0o755) -> bytes:
    """The header of a directory that belongs to nobody in particular."""
    return header(_entry(name, DIRECTORY, 0, mtime_ns, mode))


def padding(size_bytes: int) -> bytes:
    """The zeros that fill up an entry's last block."""
    return bytes(-size_bytes % BLOCK)


def _entry(name: str, kind: bytes, size_bytes: int, mtime_ns: int, mode: int) -> Entry:
    return Entry(name.encode(), kind, mode, 0, 0, size_bytes, size_bytes, mtime_ns, b"", (0, 0))


def _block(
    name: bytes,
    numbers: tuple[int, int, int, int, int],
    kind: bytes,
    link: bytes = b"",
    *,
    device: tuple[int, int] = (0, 0),
    prefix: bytes = b"",
) -> bytes:
    """One block; the numbers are mode, owner, group, size and seconds."""
    block = _LAYOUT % (
        name.ljust(_NAME_BYTES, b"\0"),
        *numbers,
        kind,
        link.ljust(_NAME_BYTES, b"\0"),
        _NOBODY,
        *device,
        prefix.ljust(_PREFIX_BYTES + 12, b"\0"),
    )
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def _split(name: bytes) -> tuple[bytes, bytes]:
    """A name as ustar has it, last part and prefix; the first is empty when it does not fit."""
    if not name.isascii():
        return b"", b""
    if len(name) <= _NAME_BYTES:
        return name, b""
    at = name.rfind(b"/", 0, _PREFIX_BYTES + 1)
    base = name[at + 1 :]
    if at <= 0 or not base or len(base) > _NAME_BYTES:
        return b"", b""
    return base, name[:at]


def _plain(name: bytes) -> bytes:
    """A stand-in for readers that know no pax."""
    return bytes(byte for byte in name[:_NAME_BYTES] if byte < 128) or b"_"


def _fitting(number: int, key: bytes, records: dict[bytes, bytes]) -> int:
    if number <= _MOST_OCTAL_7:
        return number
    records[key] = b"%d" % number
    return 0


def _decimal_seconds(time_ns: int) -> bytes:
    whole, rest = divmod(abs(time_ns), _SECOND)
    fraction = b".%09d" % rest if rest else b""
    return (b"-" if time_ns < 0 else b"") + b"%d" % whole + fraction.rstrip(b"0")


def _pax(records: dict[bytes, bytes]) -> bytes:
    if not all(_is_utf8(records.get(key, b"")) for key in (b"path", b"linkpath")):
        records = {b"hdrcharset": b"BINARY", **records}
    data = b"".join(_record(key, value) for key, value in records.items())
    return _block(_PAX_NAME, (0o644, 0, 0, len(data), 0), b"x") + data + padding(len(data))


def _record(key: bytes, value: bytes) -> bytes:
    """`length key=value\\n`, where the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) != len(str(rest)):
        length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
