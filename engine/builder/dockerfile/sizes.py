"""Sizes as people write them: `64m`, `1g`, `512kb`."""

from __future__ import annotations

import re
from typing import Final

from engine.builder.dockerfile.problem import Misspelt

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_POWERS: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def size_bytes(text: str) -> int:
    """The bytes of a size; units are powers of 1024. Raises `Misspelt`."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise Misspelt(f"invalid size {text!r}", "write it like 64m")
    return int(float(match[1]) * (1 << _POWERS[match[2].lower()]))
