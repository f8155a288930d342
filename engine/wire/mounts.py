"""Mounts that a container asks for (moby api/swagger.yaml: Mount)."""

from __future__ import annotations

from engine.wire.codec import Wire


class BindOptions(Wire, frozen=True, kw_only=True):
    """Options of a bind mount."""

    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class DriverConfig(Wire, frozen=True, kw_only=True):
    """A volume driver and its options."""

    name: str = ""
    options: dict[str, str] = {}


class VolumeOptions(Wire, frozen=True, kw_only=True):
    """Options of a volume mount."""

    no_copy: bool = False
    labels: dict[str, str] = {}
    driver_config: DriverConfig | None = None
    subpath: str = ""


class ImageOptions(Wire, frozen=True, kw_only=True):
    """Options of an image mount."""

    subpath: str = ""


class TmpfsOptions(Wire, frozen=True, kw_only=True):
    """Options of a tmpfs mount; `mode` is the permission bits as a number."""

    size_bytes: int = 0
    mode: int = 0
    options: list[list[str]] = []


class Mount(Wire, frozen=True, kw_only=True):
    """One `--mount`: `type` is bind, volume, tmpfs, image, npipe or cluster."""

    target: str = ""
    source: str = ""
    type: str = "volume"
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    image_options: ImageOptions | None = None
    tmpfs_options: TmpfsOptions | None = None
