"""Containers as `GET /containers/json` lists them.

Apart from `engine.wire.containers`, whose dozens of types a command that only lists would define for nothing.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType, field

from engine.wire.codec import Wire
from engine.wire.networks import EndpointSettings


class MountPoint(Wire, frozen=True, kw_only=True):
    """A mount as it is: `source` is the host's path."""

    type: str
    destination: str
    name: str | UnsetType = UNSET
    source: str = ""
    driver: str | UnsetType = UNSET
    mode: str = ""
    rw: bool = field(name="RW", default=True)
    propagation: str = ""


class PortSummary(Wire, frozen=True, kw_only=True):
    """One port in a listing; unpublished ports have no public part."""

    ip: str | UnsetType = field(name="IP", default=UNSET)
    private_port: int
    public_port: int | UnsetType = UNSET
    type: str = "tcp"


class SummaryHostConfig(Wire, frozen=True, kw_only=True):
    """The part of `HostConfig` that a listing shows."""

    network_mode: str = "default"
    annotations: dict[str, str] | UnsetType = UNSET


class SummaryNetworkSettings(Wire, frozen=True, kw_only=True):
    """The part of `NetworkSettings` that a listing shows."""

    networks: dict[str, EndpointSettings] = {}


class ContainerSummary(Wire, frozen=True, kw_only=True):
    """One entry of `GET /containers/json`; `created` is Unix seconds, `status` for people (`Up 2 minutes`)."""

    id: str
    names: list[str]
    image: str
    image_id: str = field(name="ImageID")
    command: str
    created: int
    ports: list[PortSummary] = []
    size_rw: int | UnsetType = UNSET
    size_root_fs: int | UnsetType = UNSET
    labels: dict[str, str] = {}
    state: str
    status: str
    host_config: SummaryHostConfig = SummaryHostConfig()
    network_settings: SummaryNetworkSettings = SummaryNetworkSettings()
    mounts: list[MountPoint] = []
