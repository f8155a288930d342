"""`docker commit`: an image of a container, its parent's layers and one more with what the container wrote."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import msgspec
from msgspec import Struct

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.life.lifecycle import Status
from engine.containers.life.stopping import Stopper
from engine.containers.making.config import merged, words
from engine.containers.record import ContainerRecord
from engine.errors import Conflict, EngineError, NotFound, RuntimeFailure
from engine.images.configuration import Configuration, HistoryEntry, RootFilesystem, encode_configuration
from engine.images.inventory import tag_of
from engine.images.record import Image
from engine.storage.layers import CapturedLayer
from engine.wire.containers import ContainerConfig
from engine.wire.times import rfc3339

EMPTY_DIFF_ID = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

Reconfigure = Callable[[ContainerConfig], ContainerConfig]


class CommitOptions(Struct, frozen=True):
    """What `docker commit` may say. `reconfigure` turns the container's config into the image's; `config`, where it
    says something, comes before the container's own.
    """

    tag: str = ""
    author: str = ""
    comment: str = ""
    pauses: bool = True
    config: ContainerConfig | None = None
    reconfigure: Reconfigure = lambda config: config


class Committer:
    """Makes images of containers."""

    def __init__(self, drivers: Drivers, ledger: Ledger, stopper: Stopper) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self._stopper = stopper

    async def commit(self, container: Container, options: CommitOptions) -> str:
        """Make the image and return its id. A running container is paused meanwhile, if `pauses`.

        Raises `Conflict` for one that is dead or being removed, `BadRequest` for a name that is none. After a failure
        or a cancellation nothing stays, and the container goes on.
        """
        _check(container)
        tag = tag_of(options.tag).familiar if options.tag else ""
        record = container.record
        config = options.reconfigure(options.config or record.config)
        async with self._at_rest(container, pauses=options.pauses):
            image = await self._make(record, config, options, tag)
            self._ledger.publish(container, "commit", comment=options.comment, imageID=image.id, imageRef=tag)
        return image.id

    async def _make(self, record: ContainerRecord, config: ContainerConfig, options: CommitOptions, tag: str) -> Image:
        images = self._drivers.images
        made: list[str] = []
        try:
            with images.making():
                layer = await self._drivers.snapshots.capture(record.id)
                made.append(layer.chain_id)
                base = self._base(record)
                body = encode_configuration(configured(record, config, options, layer, base, time.time_ns()))
                image = await images.add(body, tags=[tag] if tag else [], parent=base.id)
        except BaseException as exc:
            await images.discard(made)
            if isinstance(exc, OSError):
                raise EngineError(f"container cannot be committed: {exc.strerror}", hint="is the disk full?") from exc
            raise
        if layer.chain_id not in image.chain_ids:
            await images.discard(made)  # the container had written nothing
        return image

    @asynccontextmanager
    async def _at_rest(self, container: Container, *, pauses: bool) -> AsyncIterator[None]:
        """The container neither writes (if `pauses`) nor goes away while the block lasts."""
        if container.status is not Status.RUNNING or not pauses:
            yield
            return
        # Noted first: if the engine dies meanwhile, the next one lets the container go on.
        await container.change(is_at_rest=True)
        try:
            # It has ended just now, noticed (Conflict) or not yet, and writes no more.
            with contextlib.suppress(Conflict, RuntimeFailure):
                await self._stopper.pause(container)
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self._let_go_on(container)

    async def _let_go_on(self, container: Container) -> None:
        if container.status is Status.PAUSED:
            with contextlib.suppress(Conflict):  # its end came before the pause, and is noticed only now
                await self._stopper.unpause(container)
        if container in self._ledger:
            await container.change(is_at_rest=False)

    def _base(self, record: ContainerRecord) -> Image:
        """The container's image; if that has been removed by force, what its layers still tell."""
        try:
            return self._drivers.images.get(record.image_id)
        except NotFound:
            diff_ids = self._drivers.snapshots.diff_ids(record.id)
            return Image(id="", config=ContainerConfig(), chain_ids=[], diff_ids=diff_ids, architecture="")


def configured(
    record: ContainerRecord,
    config: ContainerConfig,
    options: CommitOptions,
    layer: CapturedLayer,
    base: Image,
    now_ns: int,
) -> Configuration:
    """The config of the image that is made of a container; `config` is completed by the container's own. Pure."""
    is_empty = layer.diff_id == EMPTY_DIFF_ID
    created = rfc3339(now_ns)
    step = HistoryEntry(
        created=created,
        created_by=" ".join(words(record.config.cmd)),
        author=options.author,
        comment=options.comment,
        empty_layer=is_empty,
    )
    return Configuration(
        architecture=base.architecture,
        variant=base.variant,
        os=base.os,
        created=created,
        author=options.author,
        comment=options.comment,
        config=portable(msgspec.structs.replace(merged(config, record.config), on_build=config.on_build)),
        rootfs=RootFilesystem(diff_ids=[*base.diff_ids, *([] if is_empty else [layer.diff_id])]),
        history=[*base.history, step],
    )


def portable(config: ContainerConfig) -> ContainerConfig:
    """A container's config without what belongs to this one container."""
    return msgspec.structs.replace(
        config,
        hostname="",
        domainname="",
        image="",
        mac_address="",
        attach_stdin=False,
        attach_stdout=False,
        attach_stderr=False,
        tty=False,
        open_stdin=False,
        stdin_once=False,
        network_disabled=False,
    )


def _check(container: Container) -> None:
    words = {Status.DEAD: "Dead", Status.REMOVING: "being removed"}
    if word := words.get(container.status):
        raise Conflict(f"You cannot commit container {container.id} which is {word}")
