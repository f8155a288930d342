"""Durations, sizes and CPU counts as people write them, and back.

Durations are those of Go's `time` package extended with `d` and `w`; sizes are binary (`1k` is 1024 bytes).
A text that cannot be read raises `ValueError`, whose message names the text.
"""

from __future__ import annotations

import re

from compose.lazy import lazy_pattern
from compose.model.numbers import LARGEST, parse_float, signed

NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek letter mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 24 * 3_600_000_000_000,
    "w": 7 * 24 * 3_600_000_000_000,
}
MULTIPLIERS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}

_PART = lazy_pattern(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_SIZE = lazy_pattern(r"(.*[0-9. ])([^0-9. ]*)", re.DOTALL)
_SUFFIX = lazy_pattern(r"b|([kmgtp])(?:b|ib)?", re.IGNORECASE)


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a duration such as `1m30s`, `0.5s`, `2d` or `0`."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, position = 0, 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None or not (part[1] or part[2]):
            raise ValueError(f"invalid duration {text!r}")
        if part[3] not in NANOSECONDS:
            raise ValueError(f"unknown unit {part[3]!r} in duration {text!r}")
        fraction = part[2] or "0"
        total += int(part[1] or 0) * NANOSECONDS[part[3]] + int(fraction) * NANOSECONDS[part[3]] // 10 ** len(fraction)
        position = part.end()
    if not rest or total > LARGEST:
        raise ValueError(f"invalid duration {text!r}")
    return sign * total


def format_duration(nanoseconds: int) -> str:
    """Return the shortest exact form with hours, minutes and seconds: `1m30s`, `1h0m0s`, `1.5s`, `250ms`."""
    if nanoseconds == 0:
        return "0s"
    sign, left = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for unit in ("s", "ms", "µs", "ns"):
        if left >= NANOSECONDS[unit]:
            break
    if unit != "s":
        return f"{sign}{_decimal(left, NANOSECONDS[unit])}{unit}"
    hours, left = divmod(left, NANOSECONDS["h"])
    minutes, left = divmod(left, NANOSECONDS["m"])
    seconds = f"{_decimal(left, NANOSECONDS['s'])}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def _decimal(amount: int, unit: int) -> str:
    whole, rest = divmod(amount, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def parse_bytes(text: str) -> int:
    """Return the bytes of a size such as `512m`, `1.5 GiB` or `1024`; negative sizes are refused."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid size {text!r}")
    number, suffix = match[1].removesuffix(" "), match[2]
    unit = _SUFFIX.fullmatch(suffix) if suffix else None
    if suffix and unit is None:
        raise ValueError(f"invalid size {text!r}")
    try:
        amount = parse_float(number)
    except ValueError:
        raise ValueError(f"invalid size {text!r}") from None
    if amount < 0:
        raise ValueError(f"invalid size {text!r}")
    return signed(amount * MULTIPLIERS[(unit[1] or "").lower() if unit else ""])
