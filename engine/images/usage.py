"""What images take of the disk, and how much of it they share. Pure but for the sizes of layers, which are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from engine.images.record import Image


class DiskUse(Struct, frozen=True):
    """The bytes of the layers of all images, each counted once (what only a build's cache has is not among them), and
    by image id those of layers that other images have, too.
    """

    layers_bytes: int
    shared_bytes: Mapping[str, int]


def disk_use(images: Iterable[Image], layer_bytes: Mapping[str, int]) -> DiskUse:
    """Sum up; `layer_bytes` is by chain id."""
    chosen = list(images)
    users = Counter(chain_id for image in chosen for chain_id in set(image.chain_ids))
    shared = {
        image.id: sum(layer_bytes.get(chain_id, 0) for chain_id in image.chain_ids if users[chain_id] > 1)
        for image in chosen
    }
    return DiskUse(sum(size for chain_id, size in layer_bytes.items() if chain_id in users), shared)
