"""Columns of text, and the listings of containers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from compose.plan import labels
from compose.plan.observed import ObservedContainer, ObservedPort
from compose.render.units import go_time, human_duration

_GAP = "   "
_COMMAND_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Ps:
    """A container and what only its inspection tells."""

    container: ObservedContainer
    health: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class PsOptions:
    """`now` in Unix seconds; `zone` None is the machine's."""

    now: float
    truncate: bool = True
    zone: tzinfo | None = field(default=None)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, three spaces apart; every line ends with a newline."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def ps_table(items: Sequence[Ps], options: PsOptions) -> str:
    """The listing of `ps`, in docker compose's columns."""
    rows = [
        (
            item.container.name,
            item.container.image,
            _command(item.container.command, options),
            item.container.service,
            f"{human_duration(options.now - item.container.created)} ago",
            item.container.status,
            displayed_ports(item.container.ports),
        )
        for item in items
    ]
    return table(("NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"), rows)


def ps_json(items: Sequence[Ps], options: PsOptions) -> str:
    """One JSON object per line with docker compose's fields, in its order."""
    return "".join(json.dumps(_record(item, options), separators=(",", ":")) + "\n" for item in items)


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


def _command(command: str, options: PsOptions) -> str:
    if options.truncate and len(command) > _COMMAND_LENGTH:
        command = f"{command[: _COMMAND_LENGTH - 1]}…"
    return json.dumps(command, ensure_ascii=False)


def _record(item: Ps, options: PsOptions) -> dict[str, object]:
    found = item.container
    mounts = [mount.name or mount.source for mount in found.mounts]
    return {
        "Command": _command(found.command, options),
        "CreatedAt": go_time(found.created, options.zone),
        "ExitCode": item.exit_code,
        "Health": item.health,
        "ID": found.id[:12] if options.truncate else found.id,
        "Image": found.image,
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(found.labels.items())),
        "LocalVolumes": str(sum(1 for mount in found.mounts if mount.type == "volume")),
        "Mounts": ",".join(_shortened(name) if options.truncate else name for name in mounts),
        "Name": found.name,
        "Names": found.name,
        "Networks": ",".join(found.networks),
        "Ports": displayed_ports(found.ports),
        "Project": found.labels.get(labels.PROJECT, ""),
        "Publishers": [
            {"URL": port.ip, "TargetPort": port.private, "PublishedPort": port.public, "Protocol": port.protocol}
            for port in sorted(found.ports, key=lambda port: port.private)
        ],
        "RunningFor": f"{human_duration(options.now - found.created)} ago",
        "Service": found.service,
        "Size": "0B",
        "State": found.state,
        "Status": found.status,
    }


def _shortened(name: str) -> str:
    return f"{name[:14]}…" if len(name) > 15 else name
