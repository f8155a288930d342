"""Durations, sizes and times for people, in Docker's words."""

from __future__ import annotations

from datetime import datetime, tzinfo

# Up to how many seconds a unit is used, its length, its name.
_STEPS = (
    (46 * 60, 60, "minutes"),
    (90 * 60, 0, "About an hour"),
    (48 * 3600, 3600, "hours"),
    (14 * 86400, 86400, "days"),
    (60 * 86400, 7 * 86400, "weeks"),
    (2 * 365 * 86400, 30 * 86400, "months"),
)


def human_duration(seconds: float) -> str:
    """`5 seconds`, `About an hour`, `3 weeks`: the words of `docker ps`."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    if whole < 120:
        return "About a minute"
    for below, divisor, unit in _STEPS:
        if whole < below:
            return f"{whole // divisor} {unit}" if divisor else unit
    return f"{whole // (365 * 86400)} years"


def human_size(size_bytes: float, digits: int = 4) -> str:
    """`12.35MB`: decimal units, with so many digits at most."""
    return _size(size_bytes, 1000, ("B", "kB", "MB", "GB", "TB", "PB"), digits)


def binary_size(size_bytes: float) -> str:
    """`11.77MiB`: units of 1,024, four digits at most."""
    return _size(size_bytes, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"), 4)


def _size(size_bytes: float, step: int, units: tuple[str, ...], digits: int) -> str:
    *smaller, largest = units
    for unit in smaller:
        if size_bytes < step:
            return f"{size_bytes:.{digits}g}{unit}"
        size_bytes /= step
    return f"{size_bytes:.{digits}g}{largest}"


def go_time(unix_seconds: int, zone: tzinfo | None = None) -> str:
    """A time as Go prints it, which is what docker compose's JSON has: `2024-05-01 12:00:00 +0000 UTC`."""
    moment = datetime.fromtimestamp(unix_seconds, zone) if zone else datetime.fromtimestamp(unix_seconds).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S %z %Z")
