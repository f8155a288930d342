"""Redis commands over a socket: https://redis.io/docs/latest/develop/reference/protocol-spec/"""

from __future__ import annotations

import os
import socket

Reply = str | int | list["Reply"] | None


class Redis:
    """A connection. Everything here raises `OSError`; after that the connection is of no more use."""

    def __init__(self) -> None:
        # No time limit on answers: commands such as BLMOVE wait for as long as they are told.
        self._link = socket.create_connection((os.environ["REDIS_HOST"], 6379))
        self._incoming = self._link.makefile("rb")

    def __call__(self, *words: str | int) -> Reply:
        """Send one command and return the reply to it."""
        encoded = [str(word).encode() for word in words]
        self._link.sendall(
            b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        )
        return self._reply()

    def mapping(self, key: str) -> dict[str, str]:
        """All fields of a hash."""
        flat = self("HGETALL", key)
        assert isinstance(flat, list)
        return {str(name): str(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}

    def close(self) -> None:
        """Hang up."""
        self._incoming.close()
        self._link.close()

    def _reply(self) -> Reply:
        line = self._incoming.readline()
        kind, rest = line[:1], line[1:].strip().decode()
        match kind:
            case b"+":
                return rest
            case b":":
                return int(rest)
            case b"$":
                return self._incoming.read(int(rest) + 2)[:-2].decode() if rest != "-1" else None
            case b"*":
                return [self._reply() for _ in range(int(rest))] if rest != "-1" else None
        raise OSError(f"redis: {rest or 'the connection was closed'}")
