"""Go's durations, as HEALTHCHECK writes them: `1m30s`, `500ms`, `1.5h`."""

from __future__ import annotations

import re
from typing import Final

from engine.builder.dockerfile.problem import Misspelt

_PIECE: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}


def nanoseconds(text: str, flag: str) -> int:
    """A duration; 0 for an empty text. Raises `Misspelt` for what is none, or is shorter than a millisecond."""
    if text in ("", "0"):
        return 0
    total, at = 0.0, 0
    while match := _PIECE.match(text, at):
        total += float(match[1]) * _UNITS_NS[match[2]]
        at = match.end()
    if at != len(text) or not at:
        raise Misspelt(f"invalid duration {text!r} of --{flag}", "write it like 1m30s")
    if 0 < total < 1_000_000:
        raise Misspelt(f"Interval {flag!r} cannot be less than 1ms")
    return round(total)
