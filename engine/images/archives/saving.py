"""`docker save`: images as one archive, an OCI layout that has Docker's own manifest.json and repositories as well.

Layers are uncompressed in it, and those that images share are there once. What an archive holds depends on nothing but
its images, so equal images give equal archives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.errors import EngineError, InvalidLayer
from engine.images import names
from engine.images.inventory import Inventory
from engine.images.record import Image
from engine.registry.manifest import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from engine.registry.reference import Reference
from engine.storage.content import digest_of
from engine.storage.streaming import Write
from engine.storage.tarwrite import END, directory_header, file_header, padding

_BLOBS: Final = "blobs/sha256/"


class SavedImage(Struct, frozen=True):
    """An image and the names that it is saved under; none if it was asked for by id."""

    image: Image
    tags: tuple[str, ...]


def choose(images: Iterable[Image], wanted: Sequence[str]) -> list[SavedImage]:
    """What names and ids mean: a repository without a tag stands for all its tags. Raises `NoSuchImage`. Pure."""
    known = list(images)
    found: dict[str, list[str]] = {}
    for name in wanted:
        image = _repository(known, name) or [(names.find(known, name), "")]
        for one, tag in image:
            if not tag and not names.is_id(one, name) and "@" not in name:
                tag = next(iter(names_in(one, name)), "")
            tags = found.setdefault(one.id, [])
            if tag and tag not in tags:
                tags.append(tag)
    by_id = {image.id: image for image in known}
    return [SavedImage(by_id[image_id], tuple(tags)) for image_id, tags in found.items()]


def names_in(image: Image, name: str) -> list[str]:
    """The image's tag that `name` means."""
    reference = names.parse(name)
    return [tag for tag in image.repo_tags if reference is not None and tag == reference.familiar]


def _repository(images: Sequence[Image], name: str) -> list[tuple[Image, str]]:
    if names.parse(name) is None:
        return []
    reference = Reference.parse(name)
    if reference.tag or reference.digest:
        return []
    return [
        (image, tag) for image in images for tag in image.repo_tags if tag.rpartition(":")[0] == reference.familiar_name
    ]


def write_archive(inventory: Inventory, saved: Sequence[SavedImage], write: Write) -> None:
    """Write the archive. Blocks. Raises `EngineError` when something of it is missing, and what `write` raises."""
    documents: dict[str, bytes] = {}
    layers: dict[str, tuple[str, int]] = {}
    entries: list[tuple[SavedImage, bytes]] = []
    for one in saved:
        manifest = _manifest(inventory, one.image, documents, layers)
        documents[digest_of(manifest)] = manifest
        entries.append((one, manifest))
    write(directory_header("blobs"))
    write(directory_header(_BLOBS.rstrip("/")))
    for digest in sorted({*documents, *layers}):
        if body := documents.get(digest):
            _write_file(write, _name(digest), body)
        else:
            chain_id, size_bytes = layers[digest]
            write(file_header(_name(digest), size_bytes))
            _write_layer(inventory, chain_id, digest, size_bytes, write)
    _write_file(write, "index.json", _index(entries))
    _write_file(write, "manifest.json", _docker_manifest(saved, layers))
    _write_file(write, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    if repositories := _repositories(saved):
        _write_file(write, "repositories", msgspec.json.encode(repositories))
    write(END)


def _manifest(
    inventory: Inventory, image: Image, documents: dict[str, bytes], layers: dict[str, tuple[str, int]]
) -> bytes:
    try:
        documents[image.id] = inventory.content.read(image.id)
    except FileNotFoundError:
        raise EngineError(
            f"the config of image {image.id} is not there", hint="pull or build the image again"
        ) from None
    for chain_id, diff_id in zip(image.chain_ids, image.diff_ids, strict=True):
        if diff_id not in layers:
            layers[diff_id] = (chain_id, _archive_bytes(inventory, chain_id))
    return msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": image.id, "size": len(documents[image.id])},
            "layers": [_layer(diff_id, layers) for diff_id in image.diff_ids],
        }
    )


def _layer(diff_id: str, layers: dict[str, tuple[str, int]]) -> dict[str, Any]:
    return {"mediaType": OCI_LAYER, "digest": diff_id, "size": layers[diff_id][1]}


def _index(entries: Sequence[tuple[SavedImage, bytes]]) -> bytes:
    manifests = []
    for one, manifest in entries:
        entry = {"mediaType": OCI_MANIFEST, "digest": digest_of(manifest), "size": len(manifest)}
        for tag in one.tags:
            reference = Reference.parse(tag)
            annotations = {
                "io.containerd.image.name": f"{reference.registry}/{reference.repository}:{reference.tag}",
                "org.opencontainers.image.ref.name": reference.tag,
            }
            manifests.append({**entry, "annotations": annotations})
        if not one.tags:
            manifests.append(entry)
    return msgspec.json.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})


def _docker_manifest(saved: Sequence[SavedImage], layers: dict[str, tuple[str, int]]) -> bytes:
    ids = {one.image.id for one in saved}
    items = []
    for one in saved:
        image = one.image
        item: dict[str, Any] = {
            "Config": _name(image.id),
            "RepoTags": list(one.tags) or None,
            "Layers": [_name(diff_id) for diff_id in image.diff_ids],
        }
        if image.parent in ids:
            item["Parent"] = image.parent
        item["LayerSources"] = {diff_id: _layer(diff_id, layers) for diff_id in sorted(set(image.diff_ids))}
        items.append(item)
    return msgspec.json.encode(items) + b"\n"


def _repositories(saved: Sequence[SavedImage]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for one in saved:
        for tag in one.tags if one.image.diff_ids else ():
            repository, _, word = tag.rpartition(":")
            found.setdefault(repository, {})[word] = one.image.diff_ids[-1].removeprefix("sha256:")
    return found


def _name(digest: str) -> str:
    return _BLOBS + digest.removeprefix("sha256:")


def _write_file(write: Write, name: str, body: bytes) -> None:
    write(file_header(name, len(body)) + body + padding(len(body)))


def _archive_bytes(inventory: Inventory, chain_id: str) -> int:
    """The size of a layer's archive; counted for layers of older engines, whose records do not say it."""
    size_bytes = inventory.layers.record(chain_id).archive_bytes
    if not size_bytes:
        for size in _sizes(lambda write: inventory.write_layer(chain_id, write)):
            size_bytes += size
    return size_bytes


def _sizes(produce: Callable[[Write], None]) -> list[int]:
    sizes: list[int] = []
    produce(lambda data: sizes.append(len(data)))
    return sizes


def _write_layer(inventory: Inventory, chain_id: str, diff_id: str, size_bytes: int, write: Write) -> None:
    written = 0

    def counted(data: bytes) -> None:
        nonlocal written
        written += len(data)
        if written > size_bytes:
            raise InvalidLayer(f"layer {diff_id} is not what it was")
        write(data)

    inventory.write_layer(chain_id, counted)
    if written != size_bytes:
        raise InvalidLayer(f"layer {diff_id} is not what it was")
    write(padding(size_bytes))
