"""Published ports for people."""

from __future__ import annotations

from collections.abc import Sequence

from compose.plan.observed import ObservedPort


def publisher(port: ObservedPort) -> dict[str, object]:
    """A port with the names that docker compose gives its parts."""
    return {"URL": port.ip, "TargetPort": port.private, "PublishedPort": port.public, "Protocol": port.protocol}


def displayed_ports(ports: Sequence[ObservedPort]) -> str:
    """`0.0.0.0:8080->80/tcp, 443/tcp`; neighbours that belong together as a range."""
    groups: list[tuple[str, int, int, int, str]] = []  # ip, public, first private, last private, protocol
    for port in sorted(ports, key=lambda item: (item.protocol, item.ip, item.private, item.public)):
        if groups:
            ip, public, first, last, protocol = groups[-1]
            offset = port.private - first
            is_next = port.private == last + 1 and (port.ip, port.protocol) == (ip, protocol)
            if is_next and port.public == (public + offset if public else 0):
                groups[-1] = (ip, public, first, port.private, protocol)
                continue
        groups.append((port.ip, port.public, port.private, port.private, port.protocol))
    # Published ones by their port, then those that are only exposed.
    groups.sort(key=lambda item: (item[2], item[1], item[0]))
    return ", ".join(map(_port, groups))


def _port(group: tuple[str, int, int, int, str]) -> str:
    ip, public, first, last, protocol = group
    inside = f"{first}-{last}" if last > first else str(first)
    if not public:
        return f"{inside}/{protocol}"
    outside = f"{public}-{public + last - first}" if last > first else str(public)
    host = f"[{ip}]" if ":" in ip else ip
    return f"{host}:{outside}->{inside}/{protocol}" if host else f"{outside}->{inside}/{protocol}"
