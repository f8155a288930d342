"""What pushing an image means: which blobs, from where, and the manifest. Reads the content store, changes nothing.

An image that came with a manifest is pushed by that very manifest, so it keeps its digest. Of others a manifest is
made of Docker's kind (schema 2, layers compressed by gzip), or of OCI's kind if a layer is there only as zstd.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from engine.errors import RegistryError
from engine.images.record import Image
from engine.registry.manifest import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    MOST_MANIFEST_BYTES,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Document,
    Manifest,
    parse,
)
from engine.registry.reference import Reference
from engine.storage.compression import kind_of
from engine.storage.content import Content, digest_of
from engine.storage.layers import Layers
from engine.wire.typed import from_json

_ZSTD: Final = f"{OCI_LAYER}+zstd"
_MAGIC_BYTES: Final = 4
_INDENT: Final = 3


class PushLayer(Struct, frozen=True):
    """One layer to be pushed. `blob` is what the content store has of it in compressed form, None if nothing yet.

    `mount_from` is a repository of the same registry that has the blob already, or "".
    """

    chain_id: str
    diff_id: str
    size_bytes: int
    blob: Descriptor | None = None
    mount_from: str = ""


class PushPlan(Struct, frozen=True):
    """One tag to be pushed: the image's layers, lowest first, and its manifest if it has one already."""

    reference: Reference
    image: Image
    layers: tuple[PushLayer, ...]
    document: Document | None

    @property
    def digests(self) -> list[str]:
        """Everything that must not be pruned while the plan is carried out."""
        return [*self.image.chain_ids, *self.image.content]


def plan_push(
    reference: Reference, image: Image, images: Iterable[Image], content: Content, layers: Layers
) -> PushPlan:
    """Plan one tag. `images` are all that there are: they tell which repositories have which blobs. Blocks."""
    own = own_manifest(image, content)
    blobs: Sequence[Descriptor | None]
    if own is not None:
        blobs = own[1].layers
    else:
        blobs = [known_blob(layers.record(chain_id).blob, content) for chain_id in image.chain_ids]
    sources = list(images)
    planned = tuple(
        PushLayer(
            chain_id,
            diff_id,
            layers.size_bytes(chain_id),
            blob,
            mount_source(sources, reference, blob.digest) if blob else "",
        )
        for chain_id, diff_id, blob in zip(image.chain_ids, image.diff_ids, blobs, strict=True)
    )
    return PushPlan(reference, image, planned, own[0] if own else None)


def own_manifest(image: Image, content: Content) -> tuple[Document, Manifest] | None:
    """The manifest by which an image came (or was pushed before), if all that it names is there."""
    for digest in image.content:
        body = _small_json(digest, content)
        if body is None or digest == image.id:
            continue
        document = Document(digest, "", body)
        try:
            found = parse(document)
        except RegistryError:
            continue  # a layer that looks like JSON, say
        if (
            isinstance(found, Manifest)
            and found.config.digest == image.id
            and len(found.layers) == len(image.diff_ids)
            and all(content.has(blob.digest) for blob in (found.config, *found.layers))
        ):
            return Document(digest, _media_type(body, found), body), found
    return None


def build_manifest(image: Image, config_size: int, blobs: Sequence[Descriptor], *, is_oci: bool = False) -> Document:
    """A manifest of an image that has none. `blobs` are its layers, lowest first.

    It is written as Docker writes it, so that both give the same image the same digest.
    """
    is_oci = is_oci or any(blob.media_type == _ZSTD for blob in blobs)
    kind = OCI_MANIFEST if is_oci else DOCKER_MANIFEST
    gzip = f"{OCI_LAYER}+gzip" if is_oci else DOCKER_LAYER
    body = msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": _entry(OCI_CONFIG if is_oci else DOCKER_CONFIG, config_size, image.id),
            "layers": [_entry(_ZSTD if blob.media_type == _ZSTD else gzip, blob.size, blob.digest) for blob in blobs],
        }
    )
    body = msgspec.json.format(body, indent=_INDENT)
    return Document(digest_of(body), kind, body)


def mount_source(images: Iterable[Image], reference: Reference, digest: str) -> str:
    """The repository of the same registry from which a blob can most likely be had, "" for none.

    An image's digests tell where it came from or went to; the nearest name goes first, for the rights to it.
    """
    candidates = {
        source.repository
        for image in images
        if digest in image.content
        for source in map(Reference.parse, image.repo_digests)
        if source.registry == reference.registry and source.repository != reference.repository
    }
    return max(sorted(candidates), key=lambda name: _common_parts(name, reference.repository), default="")


def _common_parts(first: str, second: str) -> int:
    common = 0
    for one, other in zip(first.split("/"), second.split("/"), strict=False):
        if one != other:
            break
        common += 1
    return common


def known_blob(digest: str, content: Content) -> Descriptor | None:
    """A layer's blob, if it is there in compressed form. Blocks."""
    if not digest or not content.has(digest):
        return None
    with content.path(digest).open("rb") as file:
        kind = kind_of(file.read(_MAGIC_BYTES))
    if not kind:
        return None  # plain archives are compressed on their way
    return Descriptor(digest, content.path(digest).stat().st_size, _ZSTD if kind == "zstd" else DOCKER_LAYER)


def _small_json(digest: str, content: Content) -> bytes | None:
    try:
        with content.path(digest).open("rb") as file:
            body = file.read(1)
            if body != b"{":
                return None
            body += file.read(MOST_MANIFEST_BYTES)
            return body if len(body) <= MOST_MANIFEST_BYTES else None
    except FileNotFoundError:
        return None


def _media_type(body: bytes, manifest: Manifest) -> str:
    written = from_json(body, _Typed).media_type
    return written or (DOCKER_MANIFEST if manifest.config.media_type == DOCKER_CONFIG else OCI_MANIFEST)


class _Typed(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""


def _entry(media_type: str, size: int, digest: str) -> dict[str, object]:
    return {"mediaType": media_type, "size": size, "digest": digest}
