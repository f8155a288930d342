"""What a stage is after each of its steps: pure data, of which an image's config and the next steps' keys are made."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from engine.builder.cache import Entry, key_of
from engine.builder.caching.notes import note
from engine.builder.dockerfile.evaluate import State
from engine.images.configuration import Configuration, HistoryEntry, RootFilesystem
from engine.images.record import Image
from engine.registry.platforms import Platform
from engine.storage.layers import CapturedLayer
from engine.wire.times import rfc3339


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A stage as far as it is built. `lineage` stands for all its instructions so far, in the cache.

    `platform` is that of its base, which need not be the one that the build is for.
    """

    state: State
    platform: Platform
    chain_ids: tuple[str, ...] = ()
    diff_ids: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    created: str = ""
    lineage: str = ""
    parent: str = ""

    @property
    def top(self) -> str:
        """The topmost layer, "" without any."""
        return self.chain_ids[-1] if self.chain_ids else ""

    def configuration(self) -> Configuration:
        """The config of an image of this."""
        return Configuration(
            architecture=self.platform.architecture,
            os=self.platform.os,
            variant=self.platform.variant,
            created=self.created,
            author=self.state.author,
            config=self.state.config,
            rootfs=RootFilesystem(diff_ids=list(self.diff_ids)),
            history=list(self.history),
        )


def product_of(image: Image, wanted: Platform) -> Product:
    """A stage that has nothing but its base yet; what the image does not say of its platform is as `wanted`."""
    return Product(
        state=State(config=image.config, author=image.author),
        platform=Platform(image.os or wanted.os, image.architecture or wanted.architecture, image.variant),
        chain_ids=tuple(image.chain_ids),
        diff_ids=tuple(image.diff_ids),
        history=tuple(image.history),
        created=image.created,
        lineage=image.id,
        parent=image.id,
    )


def entry_of(key: str, description: str, product: Product) -> Entry:
    """A new entry of the cache for a step on a product, so far without a layer."""
    now = time.time_ns()
    return Entry(id=key, description=description, created_ns=now, used_ns=now, parent=product.lineage)


def filled(entry: Entry, layer: CapturedLayer, below: Sequence[str]) -> Entry:
    """The entry of a step that made a layer."""
    return msgspec.structs.replace(
        entry, diff_id=layer.diff_id, chain_ids=[*below, layer.chain_id], size_bytes=layer.size_bytes
    )


def grown(product: Product, entry: Entry, state: State, *, created_by: str) -> Product:
    """The product after a step. The key stays with the image, so that another engine can use it as a cache."""
    created = rfc3339(entry.created_ns)
    history = HistoryEntry(
        created=created,
        created_by=created_by,
        comment=note(entry.id),
        empty_layer=not entry.has_layer,
    )
    return msgspec.structs.replace(
        product,
        state=state,
        chain_ids=tuple(entry.chain_ids) if entry.has_layer else product.chain_ids,
        diff_ids=(*product.diff_ids, entry.diff_id) if entry.has_layer else product.diff_ids,
        history=(*product.history, history),
        created=created,
        lineage=key_of(product.lineage, entry.id, created),
    )


def labelled(product: Product, labels: Mapping[str, str]) -> Product:
    """The product with a build's own labels, as if its Dockerfile ended with them.

    They are as old as what they are put on: the same build gives the same image again.
    """
    if not labels:
        return product
    config = msgspec.structs.replace(product.state.config, labels={**product.state.config.labels, **labels})
    words = " ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    history = HistoryEntry(created=product.created, created_by=f"LABEL {words}", empty_layer=True)
    return msgspec.structs.replace(
        product,
        state=msgspec.structs.replace(product.state, config=config),
        history=(*product.history, history),
    )
