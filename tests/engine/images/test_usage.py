"""What images take of the disk."""

from __future__ import annotations

from engine.images.record import Image
from engine.images.usage import disk_use
from engine.wire.containers import ContainerConfig


def image(name: str, *chain_ids: str) -> Image:
    return Image(id=name, config=ContainerConfig(), chain_ids=list(chain_ids), diff_ids=[])


def test_each_layer_counts_once_and_shared_are_those_that_others_have_too() -> None:
    images = [image("a", "base", "top-a"), image("b", "base", "top-b"), image("c", "alone"), image("d")]
    use = disk_use(images, {"base": 100, "top-a": 10, "top-b": 1, "alone": 5, "cached": 1000})
    assert use.layers_bytes == 116
    assert use.shared_bytes == {"a": 100, "b": 100, "c": 0, "d": 0}
