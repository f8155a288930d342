"""The values of attributes: how each kind is read and how it is written.

A reader takes a value of the tree and returns its canonical form (durations as `1m30s`, sizes as bytes in a text), or
raises `ValueError` saying what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose.lazy import lazy_pattern
from compose.load.forms.kinds import Scalar, scalar
from compose.load.forms.short import split_words
from compose.load.text.interpolate import to_boolean, to_float, to_integer
from compose.load.text.scalars import show
from compose.model.numbers import is_integer, signed, single_precision, unsigned
from compose.model.units import format_duration, parse_bytes, parse_duration

_OCTAL = lazy_pattern("[+-]?[0-7]+")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if is_integer(value):
        return str(value)
    raise ValueError(f"`{show(value)}` must be a string: put it in quotes")


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else to_boolean(_text(value))


def _integer(value: Any) -> int:
    return to_integer(value) if isinstance(value, str) else signed(_numeric(value, "an integer"))


def _whole(value: Any) -> int:
    if not is_integer(value):
        raise ValueError(f"`{show(value)}` is not an integer")
    return int(value)


def _natural(bits: int) -> Scalar:
    return lambda value: unsigned(_numeric(value, "a number that is not negative"), bits)


def _number(value: Any) -> float:
    number = single_precision(to_float(value) if isinstance(value, str) else _numeric(value, "a number"))
    return int(number) if number.is_integer() else number


def _processors(value: Any) -> float:
    return _number(value if isinstance(value, str | float) else _whole(value))


def _numeric(value: Any, wanted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"`{show(value)}` is not {wanted}")
    return value


def _rate(value: Any) -> str:
    if isinstance(value, str):
        return str(parse_bytes(value))
    return str(value) if is_integer(value) else "0"


def _bytes(value: Any) -> str:
    size = _rate(value)
    return "" if size == "0" else size


def _duration(value: Any) -> str:
    return format_duration(parse_duration(show(value)))


def _delay(value: Any) -> str:
    duration = _duration(value)
    return "" if duration == "0s" else duration


def _count(value: Any) -> int:
    if isinstance(value, str) and value.lower() == "all":
        return -1
    return to_integer(_text(value))


def _file_mode(value: Any) -> str:
    if isinstance(value, str) and _OCTAL.fullmatch(value):
        value = int(value, 8)
    if not is_integer(value):
        raise ValueError(f"`{show(value)}` is not a file mode: write octal digits, such as 0440")
    return f"0{value:o}"


def _command(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return split_words(value)
    return [_text(item) for item in value] if isinstance(value, list) else None


def _test(value: Any) -> list[str]:
    return ["CMD-SHELL", value] if isinstance(value, str) else [_text(item) for item in value]


def _texts(value: Any) -> list[str]:
    return [_text(item) for item in value] if isinstance(value, list) else [_text(value)]


def _shown(value: Any) -> list[str]:
    return [show(item) for item in value] if isinstance(value, list) else [show(value)]


def _pairs(value: Any) -> dict[str, str | None]:
    """Read `name=value` entries or a mapping; a name alone has no value."""
    if isinstance(value, Mapping):
        return {name: None if entry is None else show(entry) for name, entry in value.items()}
    pairs: dict[str, str | None] = {}
    for item in value if isinstance(value, list) else ():
        name, equals, text = show(item).partition("=")
        pairs[name] = text if equals else None
    return pairs


def _variables(value: Any) -> dict[str, str | None]:
    variables = _pairs(value)
    if isinstance(value, list):
        for name in variables:
            if name and name[-1].isspace():
                raise ValueError(f"the environment variable `{name}` is declared with a trailing space")
    return variables


def _mapping(value: Any) -> dict[str, str]:
    return {name: text or "" for name, text in _pairs(value).items()}


def _text_mapping(value: Any) -> dict[str, str]:
    return {name: "" if entry is None else _text(entry) for name, entry in value.items()}


def _lists(value: Any) -> dict[str, list[str]]:
    return {name: _shown(entry) for name, entry in value.items()} if isinstance(value, Mapping) else {}


def _hosts(value: Any) -> list[str] | None:
    """Read extra hosts; the result is sorted `host=address` entries, or None when there are no hosts at all."""
    if not value:
        return None
    pairs: list[tuple[str, str]] = []
    if isinstance(value, Mapping):
        for host, addresses in value.items():
            pairs.extend(
                (host, show(address or "")) for address in (addresses if isinstance(addresses, list) else [addresses])
            )
    else:
        for item in _shown(value):
            separator = "=" if "=" in item else ":"
            host, found, addresses = item.partition(separator)
            if not found:
                raise ValueError(f"the extra host `{item}` has no address: write host=address")
            pairs.extend((host, address) for address in addresses.split(","))
    for host, _ in pairs:
        if not host or ":" in host or "=" in host:
            raise ValueError(f"`{host}` is not a host name")
    return sorted(f"{host}={_without_brackets(address)}" for host, address in pairs)


def _without_brackets(address: str) -> str:
    is_bracketed = len(address) > 2 and address.startswith("[") and address.endswith("]")
    return address[1:-1] if is_bracketed else address


def _ssh(value: Any) -> list[str]:
    entries = value.items() if isinstance(value, Mapping) else ()
    return [name if path is None else f"{name}={show(path)}" for name, path in entries]


_SIZE = "write bytes, or a number with `k`, `m` or `g`, such as `512m`"
_TIME = "write a number with a unit, such as `500ms`, `90s`, `1m30s` or `2h`"

TEXT = scalar(_text)
FLAG = scalar(_flag)
INTEGER = scalar(_integer)
WHOLE = scalar(_whole)
NATURAL = scalar(_natural(64))
NATURAL_32 = scalar(_natural(32))
NATURAL_16 = scalar(_natural(16))
NUMBER = scalar(_number)
PROCESSORS = scalar(_processors)
BYTES = scalar(_bytes, _SIZE)  # zero counts as not set
RATE = scalar(_rate, _SIZE)
DELAY = scalar(_delay, _TIME)  # zero counts as not set
DURATION = scalar(_duration, _TIME)
COUNT = scalar(_count)
FILE_MODE = scalar(_file_mode)
COMMAND = scalar(_command)
TEST = scalar(_test)
TEXTS = scalar(_texts)
SHOWN = scalar(_shown)
VARIABLES = scalar(_variables)
LABELS = MAPPING = OPTIONS = scalar(_mapping)
TEXT_MAPPING = scalar(_text_mapping)
LISTS = scalar(_lists)
HOSTS = scalar(_hosts)
SSH = scalar(_ssh)
