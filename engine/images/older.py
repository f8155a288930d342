"""Records of older versions of the engine, brought up to date when an engine starts.

Pulled layers once did not note their blobs, without which they can neither be saved nor be the base of what is pushed:
their files alone do not give the archive again. The manifest of their image names the blobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.images.record import Image
from engine.images.transfer.push_plan import own_manifest
from engine.storage.content import Content
from engine.storage.layers import LayerRecord, Layers


def note_blobs(images: Iterable[Image], records: Mapping[str, LayerRecord], content: Content, layers: Layers) -> None:
    """Note the blobs of layers whose `records` lack them. Those that are not there come with the next pull. Blocks."""
    nameless = {chain_id for chain_id, record in records.items() if not record.blob and not record.is_local}
    for image in images if nameless else ():
        own = own_manifest(image, content) if nameless.intersection(image.chain_ids) else None
        for chain_id, blob in zip(image.chain_ids, own[1].layers if own else (), strict=False):
            if chain_id in nameless:
                layers.note_blob(chain_id, blob.digest)
                nameless.discard(chain_id)
