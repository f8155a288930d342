"""Signals by name or number, as `docker kill` and STOPSIGNAL accept them. Pure."""

from __future__ import annotations

import re
import signal
from typing import Final

from engine.errors import BadRequest

_REAL_TIME: Final = re.compile(r"RT(MIN|MAX)(?:([+-])(\d+))?")
# The kernel's range; the C library keeps the first two real-time signals for itself and Docker counts after them.
_RTMIN: Final = 34
_RTMAX: Final = 64


def parse_signal(text: str) -> int:
    """The number of `SIGTERM`, `term`, `15`, `RTMIN+3`. Raises `BadRequest`."""
    if text.isdecimal():
        number = int(text)
        if 0 < number <= _RTMAX:
            return number
        raise BadRequest(f"invalid signal: {text}")
    name = text.upper().removeprefix("SIG")
    if match := _REAL_TIME.fullmatch(name):
        number = _RTMIN if match[1] == "MIN" else _RTMAX
        number += int(match[3] or 0) * (-1 if match[2] == "-" else 1)
        if _RTMIN <= number <= _RTMAX:
            return number
    elif f"SIG{name}" in signal.Signals.__members__:
        return int(signal.Signals[f"SIG{name}"])
    raise BadRequest(f"invalid signal: {text}")
