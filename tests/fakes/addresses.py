"""Addresses for tests that say which ones they want: each process of tests has its own while it lives."""

from __future__ import annotations

import functools
import ipaddress
import socket
from typing import Final

_INSIDE: Final = ipaddress.IPv4Network("10.191.0.0/16")
# TEST-NET-2 (RFC 5737): addresses that are nobody's.
_OUTSIDE: Final = ipaddress.IPv4Network("198.51.100.0/24")


def own_subnet() -> ipaddress.IPv4Network:
    """A /24 for a network of containers; outside the engine's pools."""
    return list(_INSIDE.subnets(new_prefix=24))[_claim()[0]]


def own_outside() -> ipaddress.IPv4Network:
    """A /29 for the host's other links, and for neighbours on them."""
    return list(_OUTSIDE.subnets(new_prefix=29))[_claim()[0]]


@functools.cache
def _claim() -> tuple[int, socket.socket]:
    """The lowest number that no other process on this host's network has, and what keeps it: an abstract socket, which
    goes with the process.
    """
    for number in range(2 ** (29 - _OUTSIDE.prefixlen)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0pycompose-tests-{number}")
        except OSError:
            claim.close()
            continue
        return number, claim
    raise RuntimeError("too many processes of tests at the same time")
