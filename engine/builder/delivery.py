"""What happens to the result of a build: as a rule, it becomes an image with names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from engine.builder.bench import Bench
from engine.builder.product import Product
from engine.images.configuration import encode_configuration
from engine.images.record import Image

Deliver: TypeAlias = Callable[[Bench, Product], Awaitable[None]]


async def keep_image(bench: Bench, product: Product, tags: Sequence[str]) -> Image:
    """Make an image of it, with names that are taken from whichever image had them, and say so to listeners."""
    body = encode_configuration(product.configuration())
    image = await bench.images.inventory.add(body, tags=tags, parent=product.parent)
    bench.drivers.events.publish("builder", "build", image.id, {"name": image.id})
    return image
