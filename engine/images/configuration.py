"""An image's config as registries hold it (OCI image-spec config.md) turned into what the engine keeps."""

from __future__ import annotations

import msgspec

from engine.errors import BadRequest, RegistryError
from engine.wire.codec import decode
from engine.wire.containers import ContainerConfig


class HistoryEntry(msgspec.Struct, frozen=True):
    """One step of an image's making, oldest first; an empty one has no layer."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class RootFilesystem(msgspec.Struct, frozen=True):
    """The digests of the uncompressed layers, lowest first."""

    type: str = "layers"
    diff_ids: list[str] = []


class Configuration(msgspec.Struct, frozen=True):
    """The parts of an image's config that are used; `os.version`, `features` and the like are not."""

    architecture: str = ""
    os: str = "linux"
    variant: str = ""
    created: str = ""
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    config: ContainerConfig = ContainerConfig()
    rootfs: RootFilesystem = RootFilesystem()
    history: list[HistoryEntry] = []


def parse_configuration(digest: str, body: bytes, *, layer_count: int) -> Configuration:
    """Read a config. Raises `RegistryError` when it cannot be read or does not fit its manifest."""
    try:
        configuration = decode(body, Configuration)
    except BadRequest as exc:
        raise RegistryError(f"image config {digest} cannot be read: {exc.message}") from exc
    if len(configuration.rootfs.diff_ids) != layer_count:
        raise RegistryError(
            f"image config {digest} has {len(configuration.rootfs.diff_ids)} layers, its manifest has {layer_count}"
        )
    return configuration
