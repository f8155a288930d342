"""`--since` and `--until`: times as people write them, made into times as the engine reads them."""

from __future__ import annotations

import re
from datetime import datetime

from compose.errors import UsageError

_RELATIVE = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_UNIX = re.compile(r"\d+(\.\d{1,9})?")
# With a zone the engine reads it itself, to the nanosecond.
_COMPLETE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def moment(text: str, now: float) -> str:
    """The time as the engine reads it; "" stays.

    `42m` is that long before `now` (Unix seconds); a date, with or without a time, is one of the local zone.
    Raises `UsageError` for what is no time.
    """
    if not text or _UNIX.fullmatch(text) or _COMPLETE.fullmatch(text):
        return text
    if match := _RELATIVE.fullmatch(text):
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return f"{now - 3600 * hours - 60 * minutes - seconds:.9f}"
    try:
        return f"{datetime.fromisoformat(text).timestamp():.9f}"
    except ValueError:
        raise UsageError(
            f"`{text}` is not a time", hint="write 2024-05-01T12:00:00Z, a date, or 42m for 42 minutes ago"
        ) from None
