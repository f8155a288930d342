"""What to do about a value or key that the schema does not allow, where the mistake behind it can be guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from compose.lazy import lazy_pattern
from compose.load.hints import did_you_mean
from compose.load.text.scalars import Timestamp, show

_NO_SPACE = lazy_pattern(r"([\w.-]+):(\S.*)", re.DOTALL)
OWN_KEYS = "keys of your own begin with `x-`"
NO_OWN_KEYS = "keys of your own cannot stand here: move it to the service, or another part above"
NAMES = "names have letters, digits, `.`, `_` and `-`"

# Where a key belongs that people write elsewhere; the first step is where it was found.
_MISPLACED: dict[tuple[str, str], str] = {
    **{("service", key): f"deploy.{key}" for key in ("replicas", "resources", "placement", "update_config")},
    **{("service", key): f"deploy.resources.{key}" for key in ("limits", "reservations")},
    **{("service", key): f"build.{key}" for key in ("context", "dockerfile", "dockerfile_inline", "args", "target")},
    **{("service", key): f"healthcheck.{key}" for key in ("test", "interval", "retries", "timeout", "start_period")},
    ("deploy", "cpus"): "deploy.resources.limits.cpus",
    ("deploy", "memory"): "deploy.resources.limits.memory",
    ("deploy", "limits"): "deploy.resources.limits",
    ("deploy", "reservations"): "deploy.resources.reservations",
}
_DURATIONS = (
    "interval",
    "timeout",
    "start_period",
    "start_interval",
    "stop_grace_period",
    "delay",
    "window",
    "monitor",
)
_KEY_VALUES = ("environment", "labels", "args", "annotations", "sysctls")
_OF_A_SERVICE = (
    "image",
    "build",
    "ports",
    "environment",
    "command",
    "depends_on",
    "container_name",
    "volumes",
    "restart",
)


def about_type(value: Any, path: Sequence[str | int], types: Iterable[str]) -> str | None:
    """Return what to do about a value that is of none of the types that are allowed."""
    types = list(types)
    if path == ("version",):
        return "remove it: `version` is obsolete and ignored"
    if value is None:
        return _about_nothing(types)
    if len(path) == 2 and path[0] == "services" and path[1] in _OF_A_SERVICE and not isinstance(value, dict):
        return f"`{path[1]}` belongs to a service: indent it below the service's name"
    if isinstance(value, str):
        return _about_text(value, types)
    if isinstance(value, dict):
        return _about_mapping(value, path, types)
    if isinstance(value, list):
        return "write `key: value` entries, without `- `" if types == ["object"] else None
    if path and path[-1] in _DURATIONS and type(value) is int:
        return f"write a unit: `{value}s`"
    if "string" in types and ("boolean" not in types or isinstance(value, Timestamp)):
        return f'put it in quotes: "{show(value)}"'
    return "write `true` or `false`" if "boolean" in types else None


def _about_nothing(types: list[str]) -> str:
    if "object" in types and "string" not in types:
        return "indent what belongs to it below, or remove it"
    return "give it a value, or remove it"


def _about_text(value: str, types: list[str]) -> str | None:
    match = _NO_SPACE.fullmatch(value)
    if types == ["object"] and match is not None and not value.startswith(("http:", "https:")):
        return f"put a space after the colon: `{match[1]}: {match[2]}`"
    if "array" in types:
        shown = value if re.fullmatch(r"[\w./-]+", value) else f'"{value}"'
        return f"write it as a list: `[{shown}]`"
    return None


def _about_mapping(value: dict[str, Any], path: Sequence[str | int], types: list[str]) -> str | None:
    if "string" in types and list(value.values()) == [None]:
        return "`{` and `: ` make a mapping: put quotes around a text"
    if "array" in types:
        return 'write a list: `- "8080:80"`' if path[-1] == "ports" else "begin each entry with `- `"
    if isinstance(path[-1], int) and "string" in types and len(value) == 1:
        ((key, entry),) = value.items()
        if len(path) > 1 and path[-2] in _KEY_VALUES and not isinstance(entry, dict | list):
            return f"write `{key}={show(entry)}`, or leave out the `- ` of all entries"
        return "a `: ` makes it a mapping: put quotes around the entry"
    return None


def about_key(key: str, path: Sequence[str | int], known: Iterable[str]) -> str:
    """Return what to do about a key that is not known."""
    names = list(known)
    if not names:
        return NAMES
    if not path and key in _OF_A_SERVICE:
        return f"`{key}` belongs to a service: put it below `services:` and the service's name"
    kind = "service" if len(path) == 2 and path[0] == "services" else str(path[-1]) if path else ""
    if (kind, key) in _MISPLACED:
        return f"it belongs to `{_MISPLACED[kind, key]}`"
    if key.startswith("x-"):
        return NO_OWN_KEYS
    return did_you_mean(key, names) or OWN_KEYS
