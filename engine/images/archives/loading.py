"""`docker load`: what an archive of images means. Reads the spooled archive, changes nothing.

Docker's archives (manifest.json, since 1.10) and OCI layouts (index.json), as docker, podman, skopeo, buildah and
crane write them. One that is both counts as Docker's, as with Docker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from engine.errors import BadRequest, EngineError, RegistryError
from engine.images.archives.bundle import Bundle, InvalidArchive, Spooled, read_small
from engine.images.configuration import Configuration, parse_configuration
from engine.images.inventory import tag_of
from engine.registry.manifest import MOST_CONFIG_BYTES, MOST_MANIFEST_BYTES, Document, Index, Manifest, choose, parse
from engine.registry.platforms import Platform
from engine.storage.layers import chain_ids
from engine.wire.typed import from_json

_MANIFEST: Final = "manifest.json"
_INDEX: Final = "index.json"
_NAME_ANNOTATIONS: Final = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_MOST_IMAGES: Final = 1000


class LayerFile(Struct, frozen=True):
    """One layer of an image and the file that has its archive."""

    chain_id: str
    diff_id: str
    file: Spooled


class LoadedImage(Struct, frozen=True):
    """One image of an archive. `parent` is the id that the archive says it was made from."""

    id: str
    body: bytes
    configuration: Configuration
    layers: tuple[LayerFile, ...]
    tags: tuple[str, ...] = ()
    parent: str = ""


class _Item(msgspec.Struct, frozen=True, rename="pascal"):
    config: str
    layers: list[str] | None = None
    repo_tags: list[str] | None = None
    parent: str = ""


class _Annotated(msgspec.Struct, frozen=True, rename="camel"):
    digest: str
    annotations: dict[str, str] | None = None


class _Names(msgspec.Struct, frozen=True):
    manifests: list[_Annotated] = []


def plan_load(bundle: Bundle, platform: str = "") -> list[LoadedImage]:
    """The images in an archive, all checked but for their layers' digests. `platform` leaves out others.

    Raises `InvalidArchive`, `BadRequest` for a name that is none, `NotFound` if none is for the platform.
    """
    wanted = Platform.parse(platform)
    if bundle.has(_MANIFEST):
        images = _docker_archive(bundle)
    elif bundle.has(_INDEX):
        images = _oci_layout(bundle, wanted)
    else:
        raise InvalidArchive(f"it does not contain a {_MANIFEST}")
    for image in images:
        if image.configuration.os not in ("", "linux"):
            raise BadRequest(f"cannot load {image.configuration.os} image on linux")
    if platform:
        images = [image for image in images if wanted.rank(_platform_of(image.configuration)) is not None]
    return images


def _platform_of(configuration: Configuration) -> Platform:
    return Platform(configuration.os, configuration.architecture, configuration.variant)


def _docker_archive(bundle: Bundle) -> list[LoadedImage]:
    body = bundle.read(_MANIFEST, MOST_MANIFEST_BYTES)
    try:
        items = from_json(body, list[_Item])
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        raise InvalidArchive(f"{_MANIFEST} cannot be read: {exc}") from exc
    if len(items) > _MOST_IMAGES:
        raise InvalidArchive(f"it has more than {_MOST_IMAGES} images")
    return [
        _image(
            bundle.find(item.config),
            [bundle.find(name) for name in item.layers or ()],
            item.repo_tags or (),
            item.parent,
        )
        for item in items
    ]


def _oci_layout(bundle: Bundle, platform: Platform) -> list[LoadedImage]:
    document = _document(bundle.find(_INDEX))
    try:
        entries = from_json(document.body, _Names).manifests
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        raise InvalidArchive(f"{_INDEX} cannot be read: {exc}") from exc
    if len(entries) > _MOST_IMAGES:
        raise InvalidArchive(f"it has more than {_MOST_IMAGES} images")
    tags: dict[str, list[str]] = {}
    for entry in entries:
        tags.setdefault(entry.digest, []).extend(_names(entry.annotations or {}))
    return [_oci_image(bundle, digest, names, platform) for digest, names in tags.items()]


def _names(annotations: dict[str, str]) -> list[str]:
    """The name that an entry gives its image. The second annotation may be but a tag (docker, skopeo)."""
    full, short = (annotations.get(key, "") for key in _NAME_ANNOTATIONS)
    name = full or (short if "/" in short or ":" in short else "")
    return [name] if name else []


def _oci_image(bundle: Bundle, digest: str, names: Sequence[str], platform: Platform) -> LoadedImage:
    found = _parsed(_document(bundle.blob(digest)))
    for _ in range(2):  # docker and buildx put an index into the index
        if isinstance(found, Manifest):
            break
        found = _parsed(_document(bundle.blob(choose(found, platform, names[0] if names else digest).digest)))
    if isinstance(found, Index):
        raise InvalidArchive("its indexes are nested too deeply")
    return _image(bundle.blob(found.config.digest), [bundle.blob(layer.digest) for layer in found.layers], names)


def _document(file: Spooled) -> Document:
    return Document(file.digest, "", read_small(file, file.digest, MOST_MANIFEST_BYTES))


def _parsed(document: Document) -> Index | Manifest:
    try:
        return parse(document)
    except RegistryError as exc:
        raise InvalidArchive(exc.message) from exc


def _image(config: Spooled, layers: Sequence[Spooled], names: Sequence[str], parent: str = "") -> LoadedImage:
    body = read_small(config, "the config of an image", MOST_CONFIG_BYTES)
    try:
        configuration = parse_configuration(config.digest, body, layer_count=len(layers))
    except RegistryError as exc:
        raise InvalidArchive(exc.message) from exc
    diff_ids = configuration.rootfs.diff_ids
    try:
        tags = tuple(tag_of(name).familiar for name in names)
    except EngineError as exc:
        raise InvalidArchive(exc.message) from exc
    files = (LayerFile(*parts) for parts in zip(chain_ids(diff_ids), diff_ids, layers, strict=True))
    return LoadedImage(config.digest, body, configuration, tuple(files), tags, parent)
