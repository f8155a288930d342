"""Times as the API writes them (RFC 3339 with nanoseconds, UTC) and as its queries ask for them."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from engine.errors import BadRequest

ZERO = "0001-01-01T00:00:00Z"

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UNIX = re.compile(r"(\d+)(?:\.(\d{1,9}))?")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)")


def rfc3339(time_ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 text."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{_date_and_time(seconds)}.{nanoseconds:09d}Z"


def rfc3339_seconds(time_ns: int) -> str:
    """The same without a fraction, where Docker writes none: not every client's parser expects one."""
    return f"{_date_and_time(time_ns // 1_000_000_000)}Z"


def _date_and_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_time(text: str) -> int:
    """Nanoseconds since 1970 of RFC 3339 text or of `seconds[.fraction]`. Raises `BadRequest`."""
    if match := _UNIX.fullmatch(text):
        return int(match[1]) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))
    if match := _RFC3339.fullmatch(text):
        whole = datetime.fromisoformat(f"{match[1]}{match[3]}".upper().replace("Z", "+00:00"))
        return int(whole.timestamp()) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))
    raise BadRequest(f"invalid time {text!r}", hint="use RFC 3339 or seconds since 1970")


def moment(text: str, now_ns: int) -> int:
    """A time as `parse_time` reads it, or a duration before now (`10m`, `1h30m`), in nanoseconds since 1970."""
    if text and (match := _DURATION.fullmatch(text)):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return now_ns - (hours * 3600 + minutes * 60 + seconds) * 1_000_000_000
    return parse_time(text)


def pruned_before(texts: Sequence[str], now_ns: int) -> int:
    """What the filter `until` of a prune means: only what was made before then goes. Without one nothing is too young.

    Raises `BadRequest` in Docker's words.
    """
    if len(texts) > 1:
        raise BadRequest("more than one until filter specified")
    if not texts:
        return sys.maxsize
    try:
        return moment(texts[0], now_ns)
    except BadRequest as exc:
        raise BadRequest(f'failed to parse value as time or duration: "{texts[0]}"') from exc
