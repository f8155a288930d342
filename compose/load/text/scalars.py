"""What a plain YAML scalar means, by the rules of the Go library that Compose is built on.

That is YAML 1.2 with a few leftovers of 1.1: `yes` and `on` are strings, `010` is octal, `1_000` is a number,
`12:30:45` is a string and an unquoted date is a timestamp.
"""

from __future__ import annotations

import datetime
from typing import Any

from msgspec import Struct

from compose.lazy import lazy_pattern
from compose.load.text.files import lenient

Scalar = str | int | float | bool | None

WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".nan": float("nan"),
    ".NaN": float("nan"),
    ".NAN": float("nan"),
    ".inf": float("inf"),
    ".Inf": float("inf"),
    ".INF": float("inf"),
    "+.inf": float("inf"),
    "+.Inf": float("inf"),
    "+.INF": float("inf"),
    "-.inf": float("-inf"),
    "-.Inf": float("-inf"),
    "-.INF": float("-inf"),
}
YAML = "tag:yaml.org,2002:"
LARGEST_INTEGER = 2**64 - 1
SMALLEST_INTEGER = -(2**63)

_INTEGER = lazy_pattern(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = lazy_pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
# Here underscores count only between digits, elsewhere anywhere.
_FRACTION = lazy_pattern(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_SIGNED_INSIDE = lazy_pattern(r"0b([+-][01]+)|0o([+-][0-7]+)")
_TIMESTAMP = lazy_pattern(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?P<separator>[Tt]| +)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?"
    r"(Z|[+-](?:[01][0-9]|2[0-4]):[0-5][0-9])?)?"
)
_SOME_LEAP_YEAR = 2000


class Timestamp(Struct, frozen=True):
    """An unquoted date or time, which Compose accepts only where anything goes; `text` is as RFC 3339 writes it."""

    text: str


def resolve_plain(text: str) -> Any:
    """Return the value of an unquoted scalar without a tag."""
    if text in WORDS:
        return WORDS[text]
    if not (text[0] in "+-." or text[0].isdecimal()):
        return text
    number = _number(text)
    return _timestamp(text) if number is None else number


def resolve_tagged(tag: str, text: str) -> Any:
    """Return the value of a scalar with an explicit tag; `ValueError` says that the text does not fit it.

    A tag that YAML does not define leaves the text as it is.
    """
    if tag == f"{YAML}binary":
        import base64  # hardly ever seen in a Compose file

        try:
            return lenient(base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True))
        except ValueError as exc:
            raise ValueError("`!!binary` value is not valid base64") from exc
    kinds = _KINDS.get(tag.removeprefix(YAML)) if tag.startswith(YAML) else None
    if kinds is None:
        return text
    value = resolve_plain(text)
    if kinds == (float,) and type(value) is int and value < 2**63:
        return float(value)
    if type(value) not in kinds:
        raise ValueError(f"{text!r} is not a value of the type `!!{tag.removeprefix(YAML)}`")
    return value


_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float,),
    "bool": (bool,),
    "null": (type(None),),
    "timestamp": (Timestamp,),
}


def _number(text: str) -> int | float | None:
    if text[0] == ".":
        return _float(text.replace("_", "")) if _FRACTION.fullmatch(text) else None
    plain = text.replace("_", "")
    match = _INTEGER.fullmatch(plain)
    if match is not None:
        sign, hexadecimal, binary, octal, decimal = match.groups()
        digits, base = next((d, b) for d, b in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if d)
        value = int(f"{sign}{digits}", base)
        if SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            return value
    found = _float(plain)
    return _signed_inside(plain) if found is None else found


def _float(text: str) -> float | None:
    if not _FLOAT.fullmatch(text):
        return None
    number = float(text)
    return None if number in (float("inf"), float("-inf")) else number


def _signed_inside(text: str) -> int | None:
    """Return the number of a text such as `0b-1`, which the reference's library takes for a number as well."""
    match = _SIGNED_INSIDE.fullmatch(text)
    if match is None:
        return None
    value = int(match[1] or match[2], 2 if match[1] else 8)
    return value if -(2**63) <= value < 2**63 else None


def _timestamp(text: str) -> Timestamp | str:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return text
    year, month, day, separator, hour, minute, second, fraction, zone = match.groups()
    if separator and (separator in "Tt") != (zone is not None):
        return text  # `T` needs a zone, a blank allows none
    # Python knows no year 0, which is a leap year.
    calendar_year = int(year) or _SOME_LEAP_YEAR
    try:
        moment = datetime.datetime(
            calendar_year, int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return text
    digits = (fraction or "")[:9].rstrip("0")
    shown_zone = zone if zone and zone[1:] != "00:00" else "Z"
    return Timestamp(f"{year}{moment:-%m-%dT%H:%M:%S}{'.' if digits else ''}{digits}{shown_zone}")


def show(value: Any) -> str:
    """Return the text that a value becomes where Compose wants a string (`true`, `0.5`, `1e+06`, `map[a:1]`)."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _show_float(value)
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{show(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(show(item) for item in value)}]"
    return value.text if isinstance(value, Timestamp) else str(value)


def _show_float(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return text.removesuffix(".0")
    digits = text.partition("e")[0].replace(".", "").strip("-0")
    return f"{value:.{len(digits) - 1}e}"
