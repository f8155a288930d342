"""What containers use, for the listing of `stats`, with the fields of Docker's."""

from __future__ import annotations

from compose.plan.usage import Usage
from compose.render.listings.formats import Columns
from compose.render.template.values import Record
from compose.render.units import binary_size, human_size

_UNKNOWN = "--"

COLUMNS = Columns(
    {
        "BlockIO": "BLOCK I/O",
        "CPUPerc": "CPU %",
        "Container": "CONTAINER",
        "ID": "CONTAINER ID",
        "MemPerc": "MEM %",
        "MemUsage": "MEM USAGE / LIMIT",
        "Name": "NAME",
        "NetIO": "NET I/O",
        "PIDs": "PIDS",
    },
    ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"),
)


def usage_record(usage: Usage, *, truncate: bool = True) -> Record:
    """One container."""
    identity = usage.id[:12] if truncate else usage.id
    names: dict[str, object] = {"Container": usage.id, "ID": identity, "Name": usage.name}
    if not usage.is_known:
        both = f"{_UNKNOWN} / {_UNKNOWN}"
        told = {"BlockIO": both, "CPUPerc": _UNKNOWN, "MemPerc": _UNKNOWN, "MemUsage": both, "NetIO": both}
        return _sorted({**names, **told, "PIDs": _UNKNOWN})
    share = 100 * usage.memory / usage.memory_limit if usage.memory_limit else 0.0
    told = {
        "BlockIO": f"{human_size(usage.read, 3)} / {human_size(usage.written, 3)}",
        "CPUPerc": f"{usage.cpu_percent:.2f}%",
        "MemPerc": f"{share:.2f}%",
        "MemUsage": f"{binary_size(usage.memory)} / {binary_size(usage.memory_limit)}",
        "NetIO": f"{human_size(usage.received, 3)} / {human_size(usage.sent, 3)}",
        "PIDs": str(usage.pids),
    }
    return _sorted({**names, **told})


def _sorted(fields: dict[str, object]) -> Record:
    return Record(dict(sorted(fields.items())))
