"""One Redis command over a socket (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

from __future__ import annotations

import socket


def command(host: str, *words: str) -> str:
    """Send one command whose reply is a single line and return that line. Raises `OSError`."""
    parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
    with socket.create_connection((host, 6379), timeout=5) as connection:
        connection.sendall("".join(parts).encode())
        reply = connection.makefile("rb").readline().decode().strip()
    if not reply or reply[0] == "-":
        raise OSError(f"redis: {reply[1:] or 'no answer'}")
    return reply[1:]
