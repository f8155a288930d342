"""Decompressing archives by what their first bytes say: gzip, zstd, bzip2, xz, or nothing. And gzip for
layers that leave us.

The faster `isal` is used for gzip where it is installed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from engine.errors import InvalidLayer

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")
_BZIP2: Final = b"BZh"
_XZ: Final = b"\xfd7zXZ\0"
_XZ_MEMORY_BYTES: Final = 1 << 27
_INPUT_BYTES: Final = 128 * 1024
_OUTPUT_BYTES: Final = 1024 * 1024
# Compressing must keep up with a network: these are the fast ends of what still makes small layers.
_ZLIB_LEVEL: Final = 4
_ISAL_LEVEL: Final = 2
_ZSTD_WINDOW_BYTES: Final = 1 << 27

Read = Callable[[int], bytes]


class Compressor(Protocol):
    """Something that compresses piece by piece, as zlib's objects do."""

    def compress(self, data: bytes, /) -> bytes:
        """What comes out for this piece, perhaps nothing yet."""
        ...

    def flush(self) -> bytes:
        """What is left at the end."""
        ...


def gzip_compressor() -> Compressor:
    """A fresh gzip stream without name and time: the same bytes in give the same bytes out."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.compressobj(_ZLIB_LEVEL, zlib.DEFLATED, 31)
    compressor: Compressor = isal_zlib.compressobj(_ISAL_LEVEL, isal_zlib.DEFLATED, 31)
    return compressor


def kind_of(first: bytes) -> str:
    """How a stream that begins so is compressed: `gzip`, `zstd`, or "" for not at all."""
    if first.startswith(_GZIP):
        return "gzip"
    return "zstd" if first.startswith(_ZSTD) else ""


def decompressed(read: Read) -> Iterator[bytes]:
    """Yield a stream's bytes decompressed, in pieces of bounded size. Raises `InvalidLayer` if it is corrupt.

    `read(n)` blocks and returns up to n bytes, none at the end.
    """
    first = read(_INPUT_BYTES)
    while first and len(first) < len(_XZ):
        more = read(_INPUT_BYTES)
        if not more:
            break
        first += more
    if first.startswith(_GZIP):
        return _gunzipped(first, read)
    if first.startswith(_ZSTD):
        return _unzstd(first, read)
    if first.startswith(_BZIP2):
        return _unbzip2(first, read)
    if first.startswith(_XZ):
        return _unxz(first, read)
    return _plain(first, read)


def _plain(data: bytes, read: Read) -> Iterator[bytes]:
    while data:
        yield data
        data = read(_INPUT_BYTES)


def _gunzipped(data: bytes, read: Read) -> Iterator[bytes]:
    make, failure = _inflater()
    while data:
        inflater = make()
        while not inflater.eof:
            try:
                output = inflater.decompress(data, _OUTPUT_BYTES)
            except failure as exc:
                raise InvalidLayer(f"layer is not valid gzip: {exc}") from exc
            if output:
                yield output
            data = inflater.unconsumed_tail
            if not data and not inflater.eof and len(output) < _OUTPUT_BYTES:
                data = read(_INPUT_BYTES)
                if not data:
                    raise InvalidLayer("layer is not valid gzip: it ends too early")
        # A gzip file may have several members; zero bytes after one are padding (gzip(1)).
        data = (inflater.unused_data or read(_INPUT_BYTES)).lstrip(b"\0")


def _inflater() -> tuple[Callable[[], Any], Any]:
    try:
        from isal import isal_zlib
    except ImportError:
        return lambda: zlib.decompressobj(31), (zlib.error,)
    return lambda: isal_zlib.decompressobj(31), (isal_zlib.error, zlib.error)


def _unzstd(first: bytes, read: Read) -> Iterator[bytes]:
    import zstandard

    class Source:
        rest = first

        def read(self, size: int) -> bytes:
            data, self.rest = self.rest[:size], self.rest[size:]
            return data or read(size)

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    reader = decompressor.stream_reader(Source(), read_across_frames=True)  # type: ignore[arg-type]  # needs read() only
    while True:
        try:
            data = reader.read(_OUTPUT_BYTES)
        except zstandard.ZstdError as exc:
            raise InvalidLayer(f"layer is not valid zstd: {exc}") from exc
        if not data:
            return
        yield data


class _Decompressor(Protocol):
    """As `bz2` and `lzma` have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _unbzip2(first: bytes, read: Read) -> Iterator[bytes]:
    import bz2

    return _pieces("bzip2", bz2.BZ2Decompressor, (OSError, ValueError), first, read)


def _unxz(first: bytes, read: Read) -> Iterator[bytes]:
    import lzma

    def fresh() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)

    return _pieces("xz", fresh, (lzma.LZMAError,), first, read)


def _pieces(
    name: str, fresh: Callable[[], _Decompressor], failures: tuple[type[Exception], ...], data: bytes, read: Read
) -> Iterator[bytes]:
    """Both formats may hold several streams, one after the other, and xz zeros between them."""
    while data:
        decompressor = fresh()
        while not decompressor.eof:
            if not data and decompressor.needs_input:
                data = read(_INPUT_BYTES)
                if not data:
                    raise InvalidLayer(f"archive is not valid {name}: it ends too early")
            try:
                output = decompressor.decompress(data, _OUTPUT_BYTES)
            except failures as exc:
                raise InvalidLayer(f"archive is not valid {name}: {exc}") from exc
            data = b""
            if output:
                yield output
        data = (decompressor.unused_data or read(_INPUT_BYTES)).lstrip(b"\0")
