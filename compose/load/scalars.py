"""What a plain YAML scalar means, by the rules of the Go library that Compose is built on.

That is YAML 1.2 with a few leftovers of 1.1: `yes` and `on` are strings, `010` is octal, `1_000` is a number,
`12:30:45` is a string and an unquoted date is a timestamp.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

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

_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?(Z|[+-]\d\d:\d\d))|(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?))?"
)


@dataclass(frozen=True, slots=True)
class Timestamp:
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
            return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "surrogateescape")
        except ValueError as exc:
            raise ValueError("`!!binary` value is not valid base64") from exc
    kinds = _KINDS.get(tag.removeprefix(YAML)) if tag.startswith(YAML) else None
    if kinds is None:
        return text
    value = resolve_plain(text)
    if kinds == (float,) and isinstance(value, int) and not isinstance(value, bool):
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
    plain = text.replace("_", "")
    match = _INTEGER.fullmatch(plain)
    if match is not None:
        sign, hexadecimal, binary, octal, decimal = match.groups()
        digits, base = next((d, b) for d, b in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if d)
        value = int(f"{sign}{digits}", base)
        if SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            return value
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return None if number in (float("inf"), float("-inf")) else number
    return None


def _timestamp(text: str) -> Timestamp | str:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return text
    year, month, day, *rest = match.groups()
    hour, minute, second = rest[0:3] if rest[0] else rest[5:8]
    fraction, zone = (rest[3], rest[4]) if rest[0] else (rest[8], "Z")
    try:
        moment = datetime.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return text
    digits = (fraction or "").rstrip("0").rstrip(".")
    return Timestamp(f"{moment:%Y-%m-%dT%H:%M:%S}{digits}{zone or 'Z'}")


def show(value: Any) -> str:
    """Return the text that a scalar becomes where Compose wants a string (`true`, `0.5`, `1e+21`)."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _show_float(value)
    return value.text if isinstance(value, Timestamp) else str(value)


def _show_float(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e21:
        return f"{value:.0f}"
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text if abs(value) >= 1e-4 else f"{value:e}"
    power = int(exponent)
    if -4 <= power < 21:
        return f"{value:f}"
    return f"{mantissa.removesuffix('.0')}e{'-' if power < 0 else '+'}{abs(power):02d}"
