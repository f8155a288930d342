"""Which addresses the host uses already, so that no network gets them. Blocks."""

from __future__ import annotations

import contextlib
import ipaddress
from pathlib import Path

from engine.network.names.hostfiles import parse_resolv_conf


def host_networks() -> list[ipaddress.IPv4Network]:
    """What the host's routes and name servers occupy (proc(5): /proc/net/route has addresses in host byte order)."""
    found = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        _name, destination, *_rest = columns = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(text), "little") for text in (destination, columns[7]))
        if mask:
            found.append(ipaddress.IPv4Network((address, mask.bit_count()), strict=False))
    with contextlib.suppress(OSError, ValueError):
        servers = parse_resolv_conf(Path("/etc/resolv.conf").read_text("utf-8", "replace")).servers
        found += [ipaddress.IPv4Network(server) for server in servers if ":" not in server]
    return found
