"""Manifests and indexes (OCI image-spec manifest.md and image-index.md; Docker's schema 2 of the same shape)."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from engine.errors import NotFound, RegistryError
from engine.registry.platforms import Platform
from engine.registry.reference import is_digest
from engine.wire.typed import from_json

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPTED: Final = ", ".join((OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST))

MOST_MANIFEST_BYTES: Final = 4 * 1024 * 1024
MOST_CONFIG_BYTES: Final = 8 * 1024 * 1024
_MOST_LAYERS: Final = 200  # their names must fit into the one page that mount(2) has for options
_CONFIGS: Final = frozenset({OCI_CONFIG, DOCKER_CONFIG})
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
# What says how a layer is compressed; its first bytes are what counts, so a wrong word among these does no harm.
_LAYERS: Final = frozenset(
    {
        "",
        OCI_LAYER,
        f"{OCI_LAYER}+gzip",
        f"{OCI_LAYER}+zstd",
        DOCKER_LAYER,
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gz",
    }
)
_FOREIGN: Final = ("nondistributable", "foreign")
_DISTRIBUTION_V1: Final = "application/vnd.docker.distribution.manifest.v1+"


class OfferedPlatform(msgspec.Struct, frozen=True):
    """The platform that an index says an entry is for."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """A blob by digest, with its size in bytes."""

    digest: str
    size: int
    media_type: str = ""
    platform: OfferedPlatform | None = None


class Index(msgspec.Struct, frozen=True, rename="camel"):
    """A list of manifests, one per platform."""

    manifests: list[Descriptor]


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An image's config and layers, lowest first."""

    config: Descriptor
    layers: list[Descriptor]


class Document(Struct, frozen=True):
    """A manifest or index as it came: its bytes are what the digest is of."""

    digest: str
    media_type: str
    body: bytes


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int = 0
    media_type: str = ""
    manifests: list[msgspec.Raw] | None = None


def parse(document: Document) -> Index | Manifest:
    """What a document is. Raises `RegistryError` for one that cannot be used."""
    try:
        kind = from_json(document.body, _Kind)
        media_type = kind.media_type or document.media_type.partition(";")[0].strip()
        if kind.schema_version != 2 or media_type.startswith(_DISTRIBUTION_V1):
            raise RegistryError(
                f"manifest {document.digest}: schema {kind.schema_version} ({media_type}) is not supported",
                hint="the image is too old; push it again with a current tool",
            )
        if media_type in (OCI_INDEX, DOCKER_INDEX) or (not kind.media_type and kind.manifests):
            return _checked_index(from_json(document.body, Index))
        return _checked_manifest(from_json(document.body, Manifest))
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as exc:
        raise RegistryError(f"manifest {document.digest} cannot be read: {exc}") from exc


def check_whole(document: Document) -> None:
    """Raise `RegistryError` for a document that is no JSON, as one that broke off is not."""
    try:
        from_json(document.body, _Kind)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as exc:
        raise RegistryError(f"manifest {document.digest} cannot be read: {exc}") from exc


def choose(index: Index, platform: Platform, name: str) -> Descriptor:
    """The index's best entry for a platform, the first among equals. Raises `NotFound` with Docker's words."""
    best: tuple[int, Descriptor] | None = None
    for entry in index.manifests:
        offered = entry.platform
        if offered is None:
            continue
        rank = platform.rank(Platform(offered.os, offered.architecture, offered.variant))
        if rank is not None and (best is None or rank < best[0]):
            best = (rank, entry)
    if best:
        return best[1]
    if len(index.manifests) == 1 and index.manifests[0].platform is None:
        return index.manifests[0]
    there = sorted(
        {f"{e.platform.os}/{e.platform.architecture}" for e in index.manifests if e.platform} - {"unknown/unknown"}
    )
    raise NotFound(
        f"no matching manifest for {platform} in the manifest list entries",
        hint=f"{name} is there for {', '.join(there) or 'no platform'}",
    )


def _checked_index(index: Index) -> Index:
    for entry in index.manifests:
        _check(entry, MOST_MANIFEST_BYTES)
    return index


def _checked_manifest(manifest: Manifest) -> Manifest:
    if manifest.config.media_type not in _CONFIGS:
        raise RegistryError(
            f"this is not a container image: its config is of type {manifest.config.media_type!r}",
            hint="artifacts and charts share registries with images but cannot run",
        )
    if len(manifest.layers) > _MOST_LAYERS:
        raise RegistryError(f"the image has {len(manifest.layers)} layers; at most {_MOST_LAYERS} can be mounted")
    _check(manifest.config, MOST_CONFIG_BYTES)
    for layer in manifest.layers:
        _check_layer_type(layer)
        _check(layer, 1 << 44)
    return manifest


def _check_layer_type(layer: Descriptor) -> None:
    if layer.media_type in _LAYERS:
        return
    if any(word in layer.media_type for word in _FOREIGN):
        raise RegistryError(
            f"layer {layer.digest} is foreign ({layer.media_type}): registries do not hand it out",
            hint="such layers are parts of Windows; choose an image for Linux",
        )
    raise RegistryError(
        f"layer {layer.digest} is of type {layer.media_type!r}, which is not supported",
        hint="supported are tar archives, plain or compressed by gzip or zstd",
    )


def _check(descriptor: Descriptor, most_bytes: int) -> None:
    if not is_digest(descriptor.digest):
        raise RegistryError(f"digest {descriptor.digest!r} is not supported", hint="only sha256 is")
    if not 0 <= descriptor.size <= most_bytes:
        raise RegistryError(f"{descriptor.digest}: a size of {descriptor.size} bytes is out of bounds")
