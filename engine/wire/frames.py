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

_HEADER: Final = struct.Struct(">BxxxL")
_LAST_STREAM: Final = 3  # 3 carries the daemon's own error messages


class BrokenFrame(ValueError):
    """The bytes are not a multiplexed stream."""


def frame(stream: int, payload: bytes) -> bytes:
    """One frame. `payload` is shorter than 4 GiB."""
    return _HEADER.pack(stream, len(payload)) + payload


class Deframer:
    """Takes a multiplexed stream apart as it arrives; holds no more than one incomplete header."""

    def __init__(self) -> None:
        self._head = b""
        self._stream = STDOUT
        self._missing = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The pieces of payload in `data`, each with its stream. A frame may come out in several pieces.

        Raises `BrokenFrame` for a header that cannot be one.
        """
        pieces: list[tuple[int, bytes]] = []
        position = 0
        while position < len(data):
            if not self._missing:
                position = self._read_header(data, position)
                continue
            piece = data[position : position + self._missing]
            position += len(piece)
            self._missing -= len(piece)
            pieces.append((self._stream, piece))
        return pieces

    def _read_header(self, data: bytes, position: int) -> int:
        wanted = _HEADER.size - len(self._head)
        self._head += data[position : position + wanted]
        if len(self._head) == _HEADER.size:
            self._stream, self._missing = _HEADER.unpack(self._head)
            if self._stream > _LAST_STREAM or self._head[1:4] != b"\0\0\0":
                raise BrokenFrame(f"not a frame header: {self._head!r}")
            self._head = b""
        return position + wanted

    @property
    def is_between_frames(self) -> bool:
        """Whether the stream may end here without a loss."""
        return not self._missing and not self._head
