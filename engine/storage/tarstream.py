"""A reader of tar streams (POSIX ustar and pax, GNU long names and sparse files) for untrusted archives.

Written for speed on thousands of small files and for bounds on everything an archive can claim; it reads forward
only and never keeps more than one entry's header in memory. Names are bytes: archives need not be UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from msgspec import Struct, field

from engine.errors import InvalidLayer

BLOCK: Final = 512
_MOST_NAME_BYTES: Final = 4096  # PATH_MAX
_MOST_PAX_BYTES: Final = 1024 * 1024
_MOST_SIZE: Final = 1 << 43
_MOST_EXTENTS: Final = 1 << 20
_MOST_ID: Final = 1 << 32
_XATTR: Final = b"SCHILY.xattr."
_ZEROS: Final = bytes(BLOCK)

FILE: Final = b"0"
HARD_LINK: Final = b"1"
SYMLINK: Final = b"2"
CHARACTER: Final = b"3"
BLOCK_DEVICE: Final = b"4"
DIRECTORY: Final = b"5"
FIFO: Final = b"6"
_CONTIGUOUS: Final = b"7"
_GNU_SPARSE: Final = b"S"


class Stream:
    """Bytes in order from an iterator of pieces, taken in any portions. `aside`, if there is one, is told of all that
    are not taken by `pieces`, as a file's contents are.
    """

    def __init__(self, pieces: Iterator[bytes], aside: Callable[[bytes | memoryview], None] | None = None) -> None:
        self._pieces = pieces
        self._aside = aside
        self._piece = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes; fewer only at the end."""
        at = self._at
        end = at + size
        if end <= len(self._piece):
            self._at = end
            data = self._piece[at:end]
        else:
            data = b"".join(self.pieces(size, short=True))
        if self._aside is not None:
            self._aside(data)
        return data

    def pieces(self, size: int, *, short: bool = False) -> Iterator[memoryview]:
        """Yield the next `size` bytes without joining them. Raises `InvalidLayer` if the stream ends before."""
        while size:
            if self._at >= len(self._piece):
                self._piece = next(self._pieces, b"")
                self._at = 0
                if not self._piece:
                    if short:
                        return
                    raise InvalidLayer("layer ends in the middle of a file")
            part = memoryview(self._piece)[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            yield part

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        for part in self.pieces(size):
            if self._aside is not None:
                self._aside(part)

    def drain(self) -> None:
        """Pass over everything that is left."""
        rest, self._piece, self._at = self._piece[self._at :], b"", 0
        for part in chain([rest], self._pieces):
            if self._aside is not None:
                self._aside(part)


class Entry(Struct):
    """One file of an archive. `size` is its length on disk, `stored` what the archive holds of it.

    `extents` are the (offset, length) of a sparse file's data, in order; None for an ordinary file.
    """

    name: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    size: int
    stored: int
    mtime_ns: int
    link: bytes
    device: tuple[int, int]
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    extents: list[tuple[int, int]] | None = None


Pax = dict[bytes, bytes]


def entries(stream: Stream) -> Iterator[Entry]:
    """Yield the entries; the caller consumes exactly `entry.stored` bytes of the stream before it asks for the next.

    Raises `InvalidLayer`.
    """
    common: Pax = {}
    own: Pax = {}
    long_name = long_link = b""
    while True:
        header = stream.take(BLOCK)
        if header == _ZEROS or not header:
            stream.drain()
            return
        _check(header)
        kind = header[156:157]
        if kind in b"xgLK":
            data = _extra(stream, header, _MOST_PAX_BYTES if kind in b"xg" else _MOST_NAME_BYTES)
            if kind == b"x":
                own = _pax(data)
            elif kind == b"g":
                common = {**common, **_pax(data)}
            elif kind == b"L":
                long_name = data.split(b"\0", 1)[0]
            else:
                long_link = data.split(b"\0", 1)[0]
            continue
        yield from _entry(stream, header, {**common, **own} if common else own, long_name, long_link)
        own, long_name, long_link = {}, b"", b""


def _entry(stream: Stream, header: bytes, pax: Pax, long_name: bytes, long_link: bytes) -> Iterator[Entry]:
    kind = header[156:157]
    entry = Entry(
        name=long_name or _name(header),
        type=FILE if kind in (b"\0", _CONTIGUOUS, _GNU_SPARSE) else kind,
        mode=_number(header[100:108]) & 0o7777,
        uid=_number(header[108:116]),
        gid=_number(header[116:124]),
        size=_number(header[124:136]),
        stored=0,
        mtime_ns=_number(header[136:148]) * 1_000_000_000,
        link=long_link or header[157:257].split(b"\0", 1)[0],
        device=(_number(header[329:337]), _number(header[337:345])) if kind in (CHARACTER, BLOCK_DEVICE) else (0, 0),
    )
    if pax:
        _apply(entry, pax)
    if entry.type == FILE and entry.name.endswith(b"/"):
        entry.type = DIRECTORY  # as written by tars older than directories
    if entry.type != FILE:
        # Some writers put a size on links and directories; only files (and unknown types) have data.
        entry.size = 0 if entry.type in b"123456" else entry.size
    entry.stored = entry.size
    padding = -entry.stored % BLOCK
    if kind == _GNU_SPARSE:
        _old_gnu_sparse(stream, header, entry)
    elif pax:
        _pax_sparse(stream, entry, pax)
    _check_bounds(entry)
    yield entry
    stream.skip(padding)


def _check(header: bytes) -> None:
    if len(header) < BLOCK:
        raise InvalidLayer("layer ends in the middle of a header")
    stated = _number(header[148:156])
    if stated != sum(header) - sum(header[148:156]) + 256:
        raise InvalidLayer("layer is not a tar archive: a header's checksum is wrong")


def _check_bounds(entry: Entry) -> None:
    if not (0 <= entry.size <= _MOST_SIZE and 0 <= entry.stored <= _MOST_SIZE):
        raise InvalidLayer(f"{entry.name!r}: size out of bounds")
    if not (0 <= entry.uid < _MOST_ID and 0 <= entry.gid < _MOST_ID):
        raise InvalidLayer(f"{entry.name!r}: owner out of bounds")
    if len(entry.name) > _MOST_NAME_BYTES or len(entry.link) > _MOST_NAME_BYTES:
        raise InvalidLayer(f"{entry.name[:80]!r}…: name too long")
    if b"\0" in entry.name or b"\0" in entry.link:
        raise InvalidLayer(f"{entry.name!r}: name with a zero byte")


def _name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    # Only POSIX archives have a prefix; GNU ("ustar  ") keeps other things there.
    if header[345] and header[257:263] == b"ustar\0":
        name = header[345:500].split(b"\0", 1)[0] + b"/" + name
    return name


def _number(data: bytes) -> int:
    if data[0] & 0x80:  # GNU base-256, two's complement below the marker bit
        value = int.from_bytes(data, "big", signed=False) & ((1 << (len(data) * 8 - 1)) - 1)
        return value - (1 << (len(data) * 8 - 1)) if data[0] & 0x40 else value
    text = data.strip(b" \0")
    try:
        return int(text.split(b"\0", 1)[0], 8) if text else 0
    except ValueError as exc:
        raise InvalidLayer(f"layer is not a tar archive: {data!r} is not a number") from exc


def _extra(stream: Stream, header: bytes, most_bytes: int) -> bytes:
    size = _number(header[124:136])
    if not 0 <= size <= most_bytes:
        raise InvalidLayer(f"an extended header of {size} bytes is out of bounds")
    data = stream.take(size)
    if len(data) < size:
        raise InvalidLayer("layer ends in the middle of a header")
    stream.skip(-size % BLOCK)
    return data


def _pax(data: bytes) -> Pax:
    """Records `length key=value\\n`. Values may hold any byte, so only the length says where one ends."""
    records: Pax = {}
    sparse_map: list[bytes] = []
    at = 0
    while at < len(data) and data[at]:
        space = data.find(b" ", at, at + 20)
        length = data[at:space] if space > 0 else b""
        end = at + int(length) if length.isdigit() else 0
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals or end > len(data) or data[end - 1 : end] != b"\n":
            raise InvalidLayer("a pax header cannot be read")
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            sparse_map.append(value)  # the only keys that repeat
        records[key] = value
        at = end
    if sparse_map:
        records[b"GNU.sparse.map"] = b",".join(sparse_map)
    return records


def _decimal(value: bytes) -> int:
    if not value.isdigit() or len(value) > 20:
        raise InvalidLayer(f"a pax header has {value[:40]!r} for a number")
    return int(value)


def _nanoseconds(value: bytes) -> int:
    negative = value.startswith(b"-")
    whole, _, fraction = value.removeprefix(b"-").partition(b".")
    total = _decimal(whole) * 1_000_000_000 + (_decimal(fraction[:9].ljust(9, b"0")) if fraction else 0)
    return -total if negative else total


def _set(name: str, read: Callable[[bytes], object]) -> Callable[[Entry, bytes], None]:
    return lambda entry, value: setattr(entry, name, read(value))


_FIELDS: Final[dict[bytes, Callable[[Entry, bytes], None]]] = {
    b"path": _set("name", bytes),
    b"GNU.sparse.name": _set("name", bytes),
    b"linkpath": _set("link", bytes),
    b"size": _set("size", _decimal),
    b"uid": _set("uid", _decimal),
    b"gid": _set("gid", _decimal),
    b"mtime": _set("mtime_ns", _nanoseconds),
}


def _apply(entry: Entry, pax: Pax) -> None:
    for key, value in pax.items():
        if setter := _FIELDS.get(key):
            if value:
                setter(entry, value)
        elif key.startswith(_XATTR):
            entry.xattrs[key[len(_XATTR) :]] = value
    if sparse_name := pax.get(b"GNU.sparse.name"):
        entry.name = sparse_name


def _old_gnu_sparse(stream: Stream, header: bytes, entry: Entry) -> None:
    """The map stands in the header, 4 extents of 24 bytes, and goes on in blocks of 21 (GNU tar manual, Sparse)."""
    extents: list[tuple[int, int]] = []
    block, start, count, more_at = header, 386, 4, 482
    while True:
        for at in range(start, start + 24 * count, 24):
            if block[at]:
                extents.append((_number(block[at : at + 12]), _number(block[at + 12 : at + 24])))
        if not block[more_at]:
            break
        block, start, count, more_at = stream.take(BLOCK), 0, 21, 504
        if len(block) < BLOCK or len(extents) > _MOST_EXTENTS:
            raise InvalidLayer("a sparse file's map cannot be read")
    entry.size = _number(header[483:495])
    entry.extents = _checked_extents(extents, entry)


def _pax_sparse(stream: Stream, entry: Entry, pax: Pax) -> None:
    """Formats 0.0 and 0.1 (map in the header) and 1.0 (map before the data, as lines of decimals)."""
    real_size = pax.get(b"GNU.sparse.realsize") or pax.get(b"GNU.sparse.size")
    if not real_size:
        return
    numbers: list[int]
    if pax.get(b"GNU.sparse.major") == b"1":
        numbers, used = _sparse_lines(stream)
        entry.stored -= used
    else:
        text = pax.get(b"GNU.sparse.map", b"")
        numbers = [_decimal(number) for number in text.split(b",")] if text else []
    if len(numbers) % 2:
        raise InvalidLayer(f"{entry.name!r}: a sparse file's map cannot be read")
    entry.size = _decimal(real_size)
    entry.extents = _checked_extents(list(zip(numbers[::2], numbers[1::2], strict=True)), entry)


def _sparse_lines(stream: Stream) -> tuple[list[int], int]:
    data, used = b"", 0
    wanted: int | None = None
    while wanted is None or data.count(b"\n") < wanted:
        block = stream.take(BLOCK)
        data += block
        used += BLOCK
        if len(block) < BLOCK or used > _MOST_PAX_BYTES:
            raise InvalidLayer("a sparse file's map cannot be read")
        if wanted is None and b"\n" in data:
            wanted = 1 + 2 * _decimal(data.partition(b"\n")[0])
    return [_decimal(line) for line in data.split(b"\n")[1:wanted]], used


def _checked_extents(extents: list[tuple[int, int]], entry: Entry) -> list[tuple[int, int]]:
    end = 0
    for offset, length in extents:
        if offset < end or length < 0 or offset + length > entry.size:
            raise InvalidLayer(f"{entry.name!r}: a sparse file's map is out of order")
        end = offset + length
    if sum(length for _, length in extents) != entry.stored:
        raise InvalidLayer(f"{entry.name!r}: a sparse file's map does not fit its data")
    return extents
