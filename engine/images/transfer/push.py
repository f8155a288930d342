"""Pushing: an image's layers, its config and its manifest to a registry, told in Docker's lines.

As with pulls, threads do the work, so the generator may be left at any point; what is on its way then is called off.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import anyio.to_thread
import msgspec

from engine.errors import BadRequest, EngineError, NotFound
from engine.events.bus import EventBus
from engine.images import names
from engine.images.inventory import Inventory
from engine.images.record import Image
from engine.images.transfer.connections import Connections, interruptible
from engine.images.transfer.push_plan import PushPlan, build_manifest, plan_push
from engine.images.transfer.resolve import check_platform, login_command
from engine.images.transfer.uploads import Uploads
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import Descriptor, Document
from engine.registry.platforms import Platform
from engine.registry.reference import Reference
from engine.wire.images import AuthConfig, Progress, ProgressDetail, PushResult

if TYPE_CHECKING:
    from engine.registry.endpoint import Refusal
    from engine.registry.upload import RegistryWriter

_WORDS: Final = {
    401: "unauthorized: authentication required",
    403: "denied: requested access to the resource is denied",
}


class Pusher:
    """Everything that pushes share. Lives on one event loop."""

    def __init__(self, connections: Connections, inventory: Inventory, uploads: Uploads, events: EventBus) -> None:
        self._connections = connections
        self._inventory = inventory
        self._uploads = uploads
        self._events = events

    async def push(
        self, name: str, *, platform: str = "", auth: AuthConfig | None = None
    ) -> AsyncGenerator[Progress, None]:
        """Push one tag (`name:tag`), or all tags that a repository has here (`name`), and yield Docker's lines.

        Images of another `platform` than the one asked for, if one is, are refused. Each digest that the registry
        then has becomes one of the image's names. Raises `BadRequest` before the first line, `NotFound`,
        `Unauthorized`, `RegistryError` at any point.
        """
        wanted = Reference.parse(name)
        if wanted.digest:
            raise BadRequest("cannot push a digest reference")
        yield Progress(status=f"The push refers to repository [{wanted.canonical_name}]")
        with self._connections.session():
            references = self._tags(wanted)
            self._check_platforms(references, platform)
            writer = await self._writer(wanted, auth)
            for reference in references:
                async with aclosing(self._push_tag(reference, writer)) as lines:
                    async for line in lines:
                        yield line
        self._events.publish("image", "push", wanted.familiar, {"name": wanted.familiar_name})

    def _tags(self, wanted: Reference) -> list[Reference]:
        tags = [tag for image in self._inventory.images for tag in image.repo_tags]
        own = [tag for tag in tags if tag.rpartition(":")[0] == wanted.familiar_name]
        if not own:
            raise NotFound(f"An image does not exist locally with the tag: {wanted.familiar_name}")
        if wanted.tag and wanted.familiar not in own:
            raise NotFound(f"tag does not exist: {wanted.familiar}")
        return [Reference.parse(tag) for tag in sorted(own) if wanted.tag in ("", tag.rpartition(":")[2])]

    def _check_platforms(self, references: list[Reference], platform: str) -> None:
        for reference in references if platform else ():
            image = names.find(self._inventory.images, reference.familiar)
            actual = Platform(image.os, image.architecture, image.variant)
            check_platform(actual, reference, Platform.parse(platform))

    async def _writer(self, wanted: Reference, auth: AuthConfig | None) -> RegistryWriter:
        interrupt = Interrupt()

        def act() -> RegistryWriter:
            writer = self._connections.writer(wanted.registry, auth)
            writer.settle(interrupt)
            return writer

        return await interruptible(interrupt, act)

    async def _push_tag(self, reference: Reference, writer: RegistryWriter) -> AsyncGenerator[Progress, None]:
        images = self._inventory.images
        image = names.find(images, reference.familiar)
        with self._inventory.holding([*image.chain_ids, *image.content]):
            plan = await anyio.to_thread.run_sync(
                plan_push, reference, image, list(images), self._inventory.content, self._inventory.layers
            )
            with self._inventory.making():  # blobs that are packed now belong to no image yet
                blobs: list[Descriptor] = []
                try:
                    async with aclosing(self._uploads.all(plan.layers, reference.repository, writer, blobs)) as lines:
                        async for line in lines:
                            yield line
                    async with self._uploads.closing(reference.repository, writer):
                        document = await self._push_manifest(plan, writer, blobs)
                except EngineError as exc:
                    raise _explained(exc, reference) from exc
                await self._record(image.id, reference, document, blobs)
        size = len(document.body)
        yield Progress(status=f"{reference.tag}: digest: {document.digest} size: {size}")
        result = PushResult(tag=reference.tag, digest=document.digest, size=size)
        yield Progress(progress_detail=ProgressDetail(), aux=msgspec.to_builtins(result))

    async def _push_manifest(self, plan: PushPlan, writer: RegistryWriter, blobs: list[Descriptor]) -> Document:
        interrupt = Interrupt()
        repository, content, image_id = plan.reference.repository, self._inventory.content, plan.image.id

        def act() -> Document:
            from engine.registry.upload import BytesSource

            config = content.read(image_id)
            if writer.has(repository, image_id, interrupt) is None:
                writer.push(repository, BytesSource(config), interrupt, lambda _: None, digest=image_id)
            document = plan.document or build_manifest(plan.image, len(config), blobs)
            writer.put_manifest(repository, plan.reference.tag, document, interrupt)
            if not content.has(document.digest):
                content.put(document.digest, document.body)
            return document

        return await interruptible(interrupt, act)

    async def _record(self, image_id: str, reference: Reference, document: Document, blobs: list[Descriptor]) -> None:
        async with self._inventory.lock:
            image: Image | None = self._inventory.images.get(image_id)
            if image is None:
                return  # removed meanwhile; the registry has it all the same
            name = f"{reference.familiar_name}@{document.digest}"
            content = dict.fromkeys([*image.content, document.digest, *(blob.digest for blob in blobs)])
            if name not in image.repo_digests or len(content) != len(image.content):
                named = names.named(image, digest=name, tagged_ns=image.tagged_ns)
                await self._inventory.images.put(msgspec.structs.replace(named, content=list(content)))


def _explained(error: EngineError, reference: Reference) -> EngineError:
    """A registry's no in Docker's words (which tools look for)."""
    from engine.registry.endpoint import Refusal

    if not isinstance(error, Refusal):
        return error
    error.message = _words(error)
    if error.http_status in _WORDS:
        error.hint = error.hint or f"log in as somebody who may push there: {login_command(reference.registry)}"
    return error


def _words(refusal: Refusal) -> str:
    code = refusal.code.lower().replace("_", " ")
    if code:
        return f"{code}: {refusal.text}"
    # An answer to HEAD has no words of its own.
    return _WORDS.get(refusal.http_status, refusal.message)
