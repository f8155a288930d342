"""Whether an image that is here is for the platform that somebody wants. Pure."""

from __future__ import annotations

from engine.errors import NotFound
from engine.images.record import Image
from engine.registry.platforms import Platform


def check_platform(image: Image, name: str, wanted: Platform | None) -> None:
    """Raise `NotFound` unless the image that was found by `name` is for a platform, if one is wanted."""
    if wanted is not None and (problem := mismatch(image, name, wanted)):
        raise NotFound(problem)


def mismatch(image: Image, name: str, wanted: Platform) -> str:
    """What to say of an image that is not for the platform that is wanted; "" if it is."""
    offered = platform_of(image)
    if wanted.runs(offered):
        return ""
    return (
        f"image with reference {name} was found but its platform ({offered}) "
        f"does not match the specified platform ({wanted})"
    )


def platform_warning(image: Image, here: Platform) -> str:
    """What to say of an image that nobody asked to have for another platform than this machine's; "" if it is not."""
    offered = platform_of(image)
    if here.runs(offered):
        return ""
    return (
        f"The requested image's platform ({offered}) does not match the detected host platform ({here}) "
        "and no specific platform was requested"
    )


def platform_of(image: Image) -> Platform:
    """The platform that an image says it is for."""
    return Platform(image.os, image.architecture, image.variant)
