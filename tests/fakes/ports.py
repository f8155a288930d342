"""Ports for servers that are told which port to take."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Final

# Of programs that come and go: the kernel gives these to whoever connects to something.
_GIVEN: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _HIGHEST = 10_000, 65_000


def free_port() -> int:
    """A port that nobody uses, at any address of this host, for TCP or UDP; and that nobody gets unasked until it is.

    The port that a bind to 0 finds may be given to some connection of this host in the moment in which it is let go.
    """
    first, last = map(int, _GIVEN.read_text().split())
    asked_for = [*range(_LOWEST, first), *range(last + 1, _HIGHEST)]
    chance = random.SystemRandom()  # others look for ports at the same time
    while True:
        port = chance.choice(asked_for) if asked_for else 0
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            try:
                stream.bind(("", port))
                port = int(stream.getsockname()[1])
                datagram.bind(("", port))
            except OSError:
                continue
        return port
