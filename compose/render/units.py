"""Durations, sizes and times for people, in Docker's words."""

from __future__ import annotations

from datetime import datetime, tzinfo

# Below how many hours (rounded) a unit is used, its hours, its name.
_STEPS = ((48, 1, "hours"), (14 * 24, 24, "days"), (60 * 24, 7 * 24, "weeks"), (2 * 365 * 24, 30 * 24, "months"))


def human_duration(seconds: float) -> str:
    """`5 seconds`, `About an hour`, `3 weeks`: the words of `docker ps`."""
    whole = int(seconds)
    minutes, hours = whole // 60, int(seconds / 3600 + 0.5)
    if whole < 1:
        return "Less than a second"
    if minutes < 1:
        return "1 second" if whole == 1 else f"{whole} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    for below, divisor, unit in _STEPS:
        if hours < below:
            return f"{hours // divisor} {unit}"
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
