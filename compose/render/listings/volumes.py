"""Volumes for a listing, with the fields of docker compose's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from compose.render.listings.formats import Columns
from compose.render.template.values import Record

COLUMNS = Columns(
    {
        "Availability": "AVAILABILITY",
        "Driver": "DRIVER",
        "Group": "GROUP",
        "Labels": "LABELS",
        "Links": "LINKS",
        "Mountpoint": "MOUNTPOINT",
        "Name": "VOLUME NAME",
        "Scope": "SCOPE",
        "Size": "SIZE",
        "Status": "STATUS",
    },
    ("Driver", "Name"),
)
# What only a cluster, or `system df`, knows of a volume.
_UNKNOWN = "N/A"


class Volume(Protocol):
    """What the engine tells of a volume."""

    @property
    def name(self) -> str: ...
    @property
    def driver(self) -> str: ...
    @property
    def mountpoint(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str] | None: ...


def volume_record(volume: Volume) -> Record:
    """One volume."""
    labels = volume.labels or {}
    fields = {
        "Availability": _UNKNOWN,
        "Driver": volume.driver,
        "Group": _UNKNOWN,
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        "Links": _UNKNOWN,
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Scope": volume.scope,
        "Size": _UNKNOWN,
        "Status": _UNKNOWN,
    }
    return Record(fields, {"Label": lambda name: labels.get(name, "")})
