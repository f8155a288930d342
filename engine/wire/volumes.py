"""Volumes on the wire (moby api/swagger.yaml: Volume, VolumeCreateRequest)."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from engine.wire.codec import Wire


class VolumeUsage(Wire, frozen=True, kw_only=True):
    """Size in bytes (-1: not measured) and number of containers that refer to it (-1: not counted)."""

    size: int = -1
    ref_count: int = -1


class Volume(Wire, frozen=True, kw_only=True):
    """A volume as it is."""

    name: str
    driver: str = "local"
    mountpoint: str = ""
    created_at: str = ""
    labels: dict[str, str] | None = None
    scope: str = "local"
    options: dict[str, str] | None = None
    usage_data: VolumeUsage | UnsetType = UNSET


class VolumeCreateRequest(Wire, frozen=True, kw_only=True):
    """Body of `POST /volumes/create`; an empty name asks for an anonymous volume."""

    name: str = ""
    driver: str = "local"
    driver_opts: dict[str, str] = {}
    labels: dict[str, str] = {}


class VolumeList(Wire, frozen=True, kw_only=True):
    """Answer of `GET /volumes`."""

    volumes: list[Volume]
    warnings: list[str] | None = None
