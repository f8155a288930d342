"""How much is asked of registries at once, and how often: three settings of daemon.json, with Docker's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace


class Limits(Struct, frozen=True):
    """Layers that come and go at the same time, over all pulls and pushes, and how often one download is begun."""

    downloads: int = 3
    uploads: int = 5
    attempts: int = 5


_KEYS: Final = {
    "max-concurrent-downloads": "downloads",
    "max-concurrent-uploads": "uploads",
    "max-download-attempts": "attempts",
}


def limits_in(document: Mapping[str, Any], before: Limits) -> Limits:
    """The limits that daemon.json sets over those before; 0 means Docker's default. Raises `ValueError`."""
    limits = before
    for key, name in _KEYS.items():
        value = document.get(key, 0)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{key}: expected a whole number")
        if value < 0:
            raise ValueError(f"invalid {key.replace('-', ' ')}: {value}")
        if value:
            limits = replace(limits, **{name: value})
    return limits
