"""Numbers as the reference reads and keeps them: integers of 64 bits, fractions of 32.

What does not fit is wrapped or cut as its processor does it, so that both mean the same by one file.
"""

from __future__ import annotations

import math
import struct

from compose.lazy import lazy_pattern

LARGEST = 2**63 - 1
SMALLEST = -(2**63)

# Both cases are spelled out, because re.IGNORECASE makes a class of characters slow to compile.
_HEXADECIMAL = lazy_pattern(r"[+-]?0[xX](?:_?[0-9a-fA-F])*\.?(?:[0-9a-fA-F](?:_?[0-9a-fA-F])*)?[pP][+-]?[0-9]+")
_FOREIGN = lazy_pattern(r"[^!-~]|[+-][nN][aA][nN]")  # what Python's `float` takes and the reference does not


def parse_float(text: str) -> float:
    """Return the number of a text such as `1.5`, `1e3`, `1_000` or `0x1p-2`; raise `ValueError` if it is none."""
    try:
        number = float.fromhex(text.replace("_", "")) if _HEXADECIMAL.fullmatch(text) else float(text)
        is_finite = math.isfinite(number) or text.strip("+-").isalpha()
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"`{text}` is not a number") from exc
    if not is_finite or _FOREIGN.search(text):
        raise ValueError(f"`{text}` is not a number")
    return number


def is_integer(value: object) -> bool:
    """Tell whether a value of a document is an integer that fits into 64 bits, and no boolean."""
    return type(value) is int and SMALLEST <= value <= LARGEST


def signed(number: float) -> int:
    """Return the integer of 64 bits that a number becomes: larger integers are wrapped, fractions cut off."""
    if isinstance(number, int):
        return (number - SMALLEST) % 2**64 + SMALLEST
    return int(number) if SMALLEST <= number < -SMALLEST else SMALLEST


def unsigned(number: float, bits: int) -> int:
    """Return the integer without a sign that a number becomes; raise `ValueError` if it is negative."""
    if number < 0:
        raise ValueError(f"`{number}` must not be negative")
    whole = number if isinstance(number, int) else int(number) if number < 2**64 else 2**63
    return whole & ((1 << bits) - 1)


def single_precision(value: float) -> float:
    """Return the number with the fewest digits that is the same as `value` in 32-bit floating point.

    Raises `ValueError` for one that is too large.
    """
    try:
        packed = struct.pack("<f", value)
    except OverflowError:
        raise ValueError(f"`{value}` is too large") from None
    (kept,) = struct.unpack("<f", packed)
    for digits in range(1, 10):
        shortest = float(f"{kept:.{digits}g}")
        if struct.pack("<f", shortest) == packed:
            return shortest
    return float(kept)
