"""Images that are kept elsewhere under one name and are none of ours, as a build's cache is.

One image is there as itself, several are an index of them. Layers that a place has already are not sent again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
import msgspec
from msgspec import Struct

from engine.images.archives.layout import Layout
from engine.images.configuration import parse_configuration
from engine.images.inventory import Inventory
from engine.images.record import Image, image_of
from engine.images.transfer.connections import Connections, interruptible
from engine.images.transfer.pull import Plan, Puller
from engine.images.transfer.push_plan import PushLayer, build_manifest, known_blob, mount_source
from engine.images.transfer.resolve import resolve_every
from engine.images.transfer.transfers import LayerOrder
from engine.images.transfer.uploads import Uploads
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor, Document
from engine.registry.platforms import Platform
from engine.registry.reference import Reference
from engine.storage.content import digest_of
from engine.storage.layers import chain_ids
from engine.wire.images import AuthConfig, Progress

if TYPE_CHECKING:
    from engine.registry.places import Reader, Writer


class Place(Struct, frozen=True):
    """Where a collection is: in a registry, or in a `directory`; then only the tag of the reference counts."""

    reference: Reference
    directory: Path | None = None
    auth: AuthConfig | None = None

    def __str__(self) -> str:
        return str(self.directory) if self.directory else self.reference.familiar


class Collections:
    """Everything that collections share. Lives on one event loop."""

    def __init__(self, connections: Connections, inventory: Inventory, puller: Puller, uploads: Uploads) -> None:
        self._connections = connections
        self._inventory = inventory
        self._puller = puller
        self._uploads = uploads

    async def read(self, place: Place, platform: Platform) -> list[Plan]:
        """The images of a collection that are for a platform: their manifests and configs, no layer.

        Raises `NotFound`, `RegistryError`.
        """
        interrupt, content = Interrupt(), self._inventory.content

        def act() -> list[Plan]:
            reader = self._reader(place)
            every = resolve_every(reader, place.reference, platform, content, interrupt)
            return [Plan(resolved, place.reference, reader) for resolved in every]

        with self._connections.session():
            return await interruptible(interrupt, act)

    async def fetch(self, orders: Sequence[LayerOrder]) -> AsyncGenerator[Progress, None]:
        """Bring layers of a collection to the disk and tell of it. Raises the first error of one."""
        with self._connections.session(), self._inventory.holding(order.chain_id for order in orders):
            async with aclosing(self._puller.fetch_layers(orders)) as lines:
                async for line in lines:
                    yield line

    async def held(self, place: Place, blobs: Mapping[str, Descriptor]) -> set[str]:
        """Of blobs by chain id, the chain ids of those that a place has. Raises `RegistryError`."""
        interrupt = Interrupt()

        def act() -> set[str]:
            writer = self._writer(place, interrupt)
            repository = place.reference.repository
            return {
                chain_id
                for chain_id, blob in blobs.items()
                if writer.has(repository, blob.digest, interrupt) is not None
            }

        with self._connections.session():
            return await interruptible(interrupt, act)

    async def write(
        self, place: Place, bodies: Sequence[bytes], there: Mapping[str, Descriptor]
    ) -> AsyncGenerator[Progress, None]:
        """Put images, given by their configs, in a place, and tell of it in the lines of a push.

        `there` are the blobs, by chain id, of layers that the place has and we do not. Inside `Inventory.making`.
        Raises `Unauthorized`, `RegistryError`, `EngineError`.
        """
        with self._connections.session():
            interrupt = Interrupt()
            writer = await interruptible(interrupt, lambda: self._writer(place, interrupt))
            entries: list[tuple[Image, Document]] = []
            known, packed = dict(there), list[str]()
            for body in bodies:
                configuration = parse_configuration(digest_of(body), body)
                image = image_of(configuration, digest_of(body), size_bytes=0, content=[])
                layers = await anyio.to_thread.run_sync(self._layers, place, image, known)
                blobs: list[Descriptor] = []
                async with aclosing(self._uploads.all(layers, place.reference.repository, writer, blobs)) as lines:
                    async for line in lines:
                        yield line
                for layer, blob in zip(layers, blobs, strict=True):
                    known[layer.chain_id] = blob
                    packed += [] if layer.blob else [blob.digest]
                entries.append((image, build_manifest(image, len(body), blobs, is_oci=True)))
            await self._put_documents(place, writer, bodies, entries)
        await self._inventory.discard([], packed)

    async def _put_documents(
        self, place: Place, writer: Writer, bodies: Sequence[bytes], entries: Sequence[tuple[Image, Document]]
    ) -> None:
        interrupt, repository, tag = Interrupt(), place.reference.repository, place.reference.tag

        def act() -> None:
            from engine.registry.upload import BytesSource

            for body in bodies:
                if writer.has(repository, digest_of(body), interrupt) is None:
                    writer.push(repository, BytesSource(body), interrupt, lambda _: None, digest=digest_of(body))
            if len(entries) == 1:
                writer.put_manifest(repository, tag, entries[0][1], interrupt)
                return
            for _, document in entries:
                writer.put_manifest(repository, document.digest, document, interrupt)
            writer.put_manifest(repository, tag, _index(entries), interrupt)

        async with self._uploads.closing(repository, writer):
            await interruptible(interrupt, act)

    def _layers(self, place: Place, image: Image, known: Mapping[str, Descriptor]) -> list[PushLayer]:
        content, layers, images = self._inventory.content, self._inventory.layers, list(self._inventory.images)
        found = []
        for chain_id, diff_id in zip(chain_ids(image.diff_ids), image.diff_ids, strict=True):
            size, blob = 0, known.get(chain_id)
            if layers.has(chain_id):
                record = layers.record(chain_id)
                size, blob = record.size_bytes, blob or known_blob(record.blob, content)
            source = mount_source(images, place.reference, blob.digest) if blob and place.directory is None else ""
            found.append(PushLayer(chain_id, diff_id, size, blob, source))
        return found

    def _reader(self, place: Place) -> Reader:
        if place.directory is not None:
            return Layout(place.directory)
        return self._connections.reader(place.reference.registry, place.auth)

    def _writer(self, place: Place, interrupt: Interrupt) -> Writer:
        if place.directory is not None:
            return Layout(place.directory)
        writer = self._connections.writer(place.reference.registry, place.auth)
        writer.settle(interrupt)
        return writer


def _index(entries: Sequence[tuple[Image, Document]]) -> Document:
    manifests = [
        {
            "mediaType": OCI_MANIFEST,
            "digest": document.digest,
            "size": len(document.body),
            "platform": {
                "architecture": image.architecture,
                "os": image.os,
                **({"variant": image.variant} if image.variant else {}),
            },
        }
        for image, document in entries
    ]
    body = msgspec.json.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})
    return Document(digest_of(body), OCI_INDEX, body)
