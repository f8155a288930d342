"""Pulling: from a reference to an image whose layers are all on disk, telling about it in Docker's lines.

The work is done by threads (`Transfers`), so the generator that tells of it owns no task and no cancel scope
between its lines: whoever reads it may stop, be cancelled, or forget it at any point.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from engine.errors import Forbidden
from engine.images.record import Image, image_of
from engine.images.transfer.connections import Connections, interruptible
from engine.images.transfer.feed import Feed, short
from engine.images.transfer.following import follow, leave
from engine.images.transfer.remote import describe_remote
from engine.images.transfer.resolve import Resolved, explain, resolve
from engine.images.transfer.transfers import LayerOrder, Transfer, Transfers
from engine.registry.interrupt import Interrupt
from engine.registry.platforms import Platform, best_platform
from engine.registry.reference import Reference
from engine.storage.layers import chain_ids
from engine.wire.images import AuthConfig, DistributionInspect, Progress, ProgressDetail

if TYPE_CHECKING:
    from engine.registry.places import BlobReader

_NO_IMAGE: Final = "docker.io/library/scratch"


class Puller:
    """Everything that pulls share."""

    def __init__(self, connections: Connections, transfers: Transfers) -> None:
        self._connections = connections
        self._transfers = transfers

    async def resolve(self, reference: Reference, platform: str, auth: AuthConfig | None) -> Plan:
        """Find out what a reference is. A single image, not out of an index, may be for another platform than asked.

        Raises `NotFound`, `RegistryError`, `BadRequest`.
        """
        if reference.canonical_name == _NO_IMAGE:
            raise Forbidden("'scratch' is a reserved name")
        wanted = Platform.parse(platform) if platform else best_platform()
        interrupt = Interrupt()

        def act() -> Plan:
            client = self._connections.reader(reference.registry, auth)
            return Plan(resolve(client, reference, wanted, self._transfers.content, interrupt), reference, client)

        return await interruptible(interrupt, act)

    async def tags(self, reference: Reference, auth: AuthConfig | None) -> list[str]:
        """Every tag that a repository has in its registry. Raises `NotFound`, `RegistryError`."""
        interrupt = Interrupt()

        def act() -> list[str]:
            from engine.registry.endpoint import Refusal

            try:
                return self._connections.reader(reference.registry, auth).tags(reference.repository, interrupt)
            except Refusal as exc:
                raise explain(exc, reference) from exc

        return await interruptible(interrupt, act)

    async def describe(self, reference: Reference, auth: AuthConfig | None) -> DistributionInspect:
        """Ask the registry what a reference stands for, fetching no layer. Raises `NotFound`, `RegistryError`."""
        interrupt = Interrupt()

        def act() -> DistributionInspect:
            return describe_remote(self._connections.reader(reference.registry, auth), reference, interrupt)

        return await interruptible(interrupt, act)

    async def fetch(self, plan: Plan) -> AsyncGenerator[Progress, None]:
        """Bring what a plan has to the disk; ends when all is there. Raises the first error of a layer."""
        async with aclosing(self.fetch_layers(plan.orders())) as lines:
            async for line in lines:
                yield line
        await anyio.to_thread.run_sync(self._keep_documents, plan)

    async def fetch_layers(self, orders: Sequence[LayerOrder]) -> AsyncGenerator[Progress, None]:
        """Bring layers to the disk; ends when all are there. Raises the first error of one."""
        feed = Feed()
        transfers: list[Transfer] = []
        try:
            for order in orders:
                is_there = not self._transfers.lacks(order)
                yield _line(order.blob.digest, "Already exists" if is_there else "Pulling fs layer")
                if not is_there:
                    transfers.append(self._transfers.share(order, feed))
            for transfer in transfers[self._transfers.downloaders.most :]:
                yield _line(transfer.order.blob.digest, "Waiting")
            async for line in follow(transfers, feed):
                yield line
        finally:
            await leave(transfers, feed)

    def measure(self, plan: Plan) -> Image:
        """The image of a plan whose layers are there, without names. Blocks shortly."""
        sizes = [self._transfers.layers.size_bytes(chain_id) for chain_id in plan.chain_ids]
        return plan.image(sum(sizes))

    def _keep_documents(self, plan: Plan) -> None:
        resolved, content = plan.resolved, self._transfers.content
        for document in resolved.documents:
            if not content.has(document.digest):
                content.put(document.digest, document.body)
        if not content.has(resolved.manifest.config.digest):
            content.put(resolved.manifest.config.digest, resolved.configuration_body)


class Plan:
    """What one pull has to bring."""

    def __init__(self, resolved: Resolved, reference: Reference, client: BlobReader) -> None:
        self.resolved = resolved
        self.reference = reference
        self.chain_ids = chain_ids(resolved.configuration.rootfs.diff_ids)
        self._client = client

    @property
    def image_id(self) -> str:
        """The id that the image will have."""
        return self.resolved.manifest.config.digest

    @property
    def blobs(self) -> list[str]:
        """The digests of everything that the content store will have of the image."""
        return [
            *(document.digest for document in self.resolved.documents),
            self.resolved.manifest.config.digest,
            *(layer.digest for layer in self.resolved.manifest.layers),
        ]

    @property
    def digests(self) -> list[str]:
        """Everything that must not be pruned while the plan is carried out."""
        return [*self.chain_ids, *self.blobs]

    def orders(self) -> list[LayerOrder]:
        """The layers, lowest first."""
        parts = zip(
            self.chain_ids, self.resolved.configuration.rootfs.diff_ids, self.resolved.manifest.layers, strict=True
        )
        return [
            LayerOrder(chain_id, diff_id, blob, self.reference.repository, self._client)
            for chain_id, diff_id, blob in parts
        ]

    def image(self, size_bytes: int) -> Image:
        """The record, without names."""
        configuration, manifest = self.resolved.configuration, self.resolved.manifest
        return image_of(configuration, manifest.config.digest, size_bytes=size_bytes, content=self.blobs)


def _line(digest: str, status: str) -> Progress:
    return Progress(id=short(digest), status=status, progress_detail=ProgressDetail())
