"""Redis commands over a socket (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

from __future__ import annotations

import socket


class Connection:
    """A connection to a Redis server. Everything here raises `OSError`."""

    def __init__(self, host: str) -> None:
        self._link = socket.create_connection((host, 6379), timeout=5)
        self._incoming = self._link.makefile("rb")

    def command(self, *words: str) -> str:
        """Send one command whose reply is a single line, and return that line."""
        parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
        self._link.sendall("".join(parts).encode())
        reply = self._incoming.readline().decode().strip()
        if not reply or reply[0] == "-":
            raise OSError(f"redis: {reply[1:] or 'no answer'}")
        return reply[1:]

    def close(self) -> None:
        """Hang up."""
        self._incoming.close()
        self._link.close()
