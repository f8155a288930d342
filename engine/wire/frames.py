"""The stream that carries stdout and stderr together: eight bytes of header, then the payload, again and again.

A header is the stream's number (0 stdin, 1 stdout, 2 stderr), three zero bytes and the payload's length as a
big-endian 32-bit number (moby api/swagger.yaml, ContainerAttach, "Stream format").
"""

from __future__ import annotations

import struct
from typing import Final

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2

_HEADER: Final = struct.Struct(">B3sL")
_ZEROS: Final = bytes(3)
_LAST_STREAM: Final = 3  # 3 carries the daemon's own error messages


class BrokenFrame(ValueError):
    """The bytes are not a multiplexed stream."""


def frame(stream: int, payload: bytes) -> bytes:
    """One frame. `payload` is shorter than 4 GiB."""
    return _HEADER.pack(stream, _ZEROS, len(payload)) + payload


class Deframer:
    """Takes a multiplexed stream apart as it arrives; holds no more than one incomplete header.

    It does not tell of an end amid a frame, as Docker's does not: what carries the stream knows whether it is whole.
    """

    def __init__(self) -> None:
        self._head = b""
        self._stream = STDOUT
        self._missing = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The payload in `data` in pieces, each with its stream.

        What follows on one stream is one piece, however many frames it came in; a frame may come out in several pieces.
        Raises `BrokenFrame` for a header that cannot be one.
        """
        data, self._head = self._head + data, b""
        pieces: list[tuple[int, bytes]] = []
        parts: list[bytes] = []
        position, end = 0, len(data)
        while position < end:
            if self._missing:
                part = data[position : position + self._missing]
                parts.append(part)
                position += len(part)
                self._missing -= len(part)
            elif end - position < _HEADER.size:
                self._head = data[position:]
                break
            else:
                stream, zeros, self._missing = _HEADER.unpack_from(data, position)
                if stream > _LAST_STREAM or zeros != _ZEROS:
                    raise BrokenFrame(f"not a frame header: {data[position : position + _HEADER.size]!r}")
                position += _HEADER.size
                if stream != self._stream:
                    _finish(pieces, self._stream, parts)
                    self._stream = stream
        _finish(pieces, self._stream, parts)
        return pieces


def _finish(pieces: list[tuple[int, bytes]], stream: int, parts: list[bytes]) -> None:
    if parts:
        pieces.append((stream, b"".join(parts)))
        parts.clear()
