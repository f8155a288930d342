"""Containers for the listing of `ps`, with the fields of docker compose's."""

from __future__ import annotations

import json
import re
from datetime import tzinfo

from msgspec import Struct, field

from compose.plan import labels
from compose.plan.observed import ObservedContainer
from compose.render.listings.formats import Columns
from compose.render.listings.ports import displayed_ports, publisher
from compose.render.template.values import Record
from compose.render.units import go_time, human_duration

_COMMAND_LENGTH = 20
_MOUNT_LENGTH = 15

COLUMNS = Columns(
    {
        "Command": "COMMAND",
        "CreatedAt": "CREATED AT",
        "ExitCode": "EXIT CODE",
        "Health": "HEALTH",
        "ID": "CONTAINER ID",
        "Image": "IMAGE",
        "Labels": "LABELS",
        "LocalVolumes": "LOCAL VOLUMES",
        "Mounts": "MOUNTS",
        "Name": "NAME",
        "Names": "NAMES",
        "Networks": "NETWORKS",
        "Ports": "PORTS",
        "Project": "PROJECT",
        "Publishers": "PUBLISHERS",
        "RunningFor": "CREATED",
        "Service": "SERVICE",
        "Size": "SIZE",
        "State": "STATE",
        "Status": "STATUS",
    },
    ("Name", "Image", "Command", "Service", "RunningFor", "Status", "Ports"),
)


class Wording(Struct, frozen=True):
    """`now` in Unix seconds; `zone` None is the machine's; `truncate` shortens ids, commands and mounts."""

    now: float
    truncate: bool = True
    zone: tzinfo | None = field(default=None)


def ps_record(found: ObservedContainer, wording: Wording) -> Record:
    """One container. Health and exit code come out of the engine's words, which saves one request for each."""
    ended = re.match(r"(?:Exited|Dead) \((-?\d+)\)", found.status)
    mounts = [mount.name or mount.source for mount in found.mounts]
    fields = {
        "Command": _command(found.command, wording),
        "CreatedAt": go_time(found.created, wording.zone),
        "ExitCode": int(ended[1]) if ended else 0,
        "Health": health_of(found),
        "ID": found.id[:12] if wording.truncate else found.id,
        "Image": found.image,
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(found.labels.items())),
        "LocalVolumes": str(sum(1 for mount in found.mounts if mount.type == "volume")),
        "Mounts": ",".join(_shortened(name, _MOUNT_LENGTH) if wording.truncate else name for name in mounts),
        "Name": found.name,
        "Names": found.name,
        "Networks": ",".join(found.networks),
        "Ports": displayed_ports(found.ports),
        "Project": found.labels.get(labels.PROJECT, ""),
        "Publishers": [publisher(port) for port in sorted(found.ports, key=lambda port: port.private)],
        "RunningFor": f"{human_duration(wording.now - found.created)} ago",
        "Service": found.service,
        # The engine would have to walk the files of every container; docker compose does not ask it either.
        "Size": "0B",
        "State": found.state,
        "Status": found.status,
    }
    return Record(fields, {"Label": lambda name: found.labels.get(name, "")})


def health_of(found: ObservedContainer) -> str:
    """`starting`, `healthy` or `unhealthy`; empty for a container that does not run or is not probed."""
    health = re.search(r"\((?:health: )?(starting|healthy|unhealthy)\)", found.status)
    return health[1] if health and found.state == "running" else ""


def _command(command: str, wording: Wording) -> str:
    text = _shortened(command, _COMMAND_LENGTH) if wording.truncate else command
    return json.dumps(text, ensure_ascii=False)


def _shortened(text: str, length: int) -> str:
    return f"{text[: length - 1]}…" if len(text) > length else text
