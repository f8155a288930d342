"""An image's config as registries hold it (OCI image-spec config.md) turned into what the engine keeps, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.errors import BadRequest, RegistryError
from engine.registry.reference import is_digest
from engine.wire.codec import decode
from engine.wire.containers import ContainerConfig


class HistoryEntry(msgspec.Struct, frozen=True, omit_defaults=True):
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
    """The parts of an image's config that are used; `os.features` and the like are not."""

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


def parse_configuration(digest: str, body: bytes, *, layer_count: int | None = None) -> Configuration:
    """Read a config. Raises `RegistryError` when it cannot be read or does not fit its manifest, if that is known."""
    try:
        configuration = decode(body, Configuration)
    except BadRequest as exc:
        raise RegistryError(f"image config {digest} cannot be read: {exc.message}") from exc
    # They name layers on disk.
    if wrong := [diff_id for diff_id in configuration.rootfs.diff_ids if not is_digest(diff_id)]:
        raise RegistryError(f"image config {digest} cannot be used: {wrong[0]!r} is not a digest of a layer")
    if layer_count is not None and len(configuration.rootfs.diff_ids) != layer_count:
        raise RegistryError(
            f"image config {digest} has {len(configuration.rootfs.diff_ids)} layers, its manifest has {layer_count}"
        )
    return configuration


def encode_configuration(configuration: Configuration) -> bytes:
    """A config as JSON: its digest is the image's id. Equal configs give equal bytes; what is empty is left out."""
    built: dict[str, Any] = {
        name: value for name, value in msgspec.to_builtins(configuration, order="deterministic").items() if value
    }
    built["config"] = {
        name: _filled(value)
        for name, value in built["config"].items()
        if value or (name == "StopTimeout" and value is not None)
    }
    # Readers take these for granted, be they empty or not.
    built["rootfs"] = {"type": "layers", "diff_ids": configuration.rootfs.diff_ids}
    built.setdefault("architecture", "")
    return msgspec.json.encode(dict(sorted(built.items())))


def _filled(value: object) -> object:
    """A nested setting (a health check) without what it leaves to the engine; the sets among them stay whole."""
    if isinstance(value, dict) and "Test" in value:
        return {name: item for name, item in value.items() if item}
    return value
