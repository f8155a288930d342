"""Deadlines for servers that send a byte now and then: each byte begins a socket's timeout anew."""

from __future__ import annotations

import io
import math
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class PatientSocket:
    """A socket for http.client whose readers give up at `ends` (of the monotonic clock), however busy it looks.

    Noticed with the next byte or at the socket's own timeout, so up to that much later.
    """

    def __init__(self, connected: socket.socket) -> None:
        self.ends = math.inf
        self._socket = connected

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        """A reader; as with sockets, what it reads from stays open until it is closed itself."""
        return io.BufferedReader(_Reader(self._socket.makefile("rb", buffering=0), self))

    def sendall(self, data: Any) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Close it, but for readers that are open."""
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, patient: PatientSocket) -> None:
        self._raw = raw
        self._patient = patient

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if time.monotonic() > self._patient.ends:
            raise TimeoutError
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class Pace:
    """Whether bytes come often enough: at least `least_bytes` in each `seconds` of waiting for them."""

    def __init__(self, least_bytes: int, seconds: float) -> None:
        self._least_bytes = least_bytes
        self._seconds = seconds
        self._waited_seconds = 0.0
        self._bytes = 0

    def took(self, waited_seconds: float, got_bytes: int) -> bool:
        """Count a wait and what it brought; False when that is too slow."""
        self._waited_seconds += waited_seconds
        self._bytes += got_bytes
        if self._waited_seconds < self._seconds:
            return True
        is_fast_enough = self._bytes >= self._least_bytes
        self._waited_seconds, self._bytes = 0.0, 0
        return is_fast_enough
