"""The order in which `config` prints mappings: docker compose's.

Whatever the user names is sorted: there it is a map, which has no order. Attributes keep the order that they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Attributes whose keys are the user's own words.
_OF_NAMES = frozenset(
    {
        "additional_contexts",
        "annotations",
        "args",
        "aux_addresses",
        "configs",
        "depends_on",
        "driver_opts",
        "environment",
        "labels",
        "models",
        "networks",
        "options",
        "secrets",
        "services",
        "storage_opt",
        "sysctls",
        "ulimits",
        "volumes",
    }
)


def in_order(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with everything sorted that has names of the user's."""
    extensions = sorted(key for key in document if key.startswith("x-"))
    keys = [key for key in document if not key.startswith("x-")]
    return {key: _ordered(document[key], key) for key in (*keys, *extensions)}


def sorted_through(value: Any) -> Any:
    """The value with all mappings in it sorted."""
    if isinstance(value, dict):
        return {key: sorted_through(value[key]) for key in sorted(value)}
    return [sorted_through(item) for item in value] if isinstance(value, list) else value


def _ordered(value: Any, key: str) -> Any:
    if key.startswith("x-"):
        return sorted_through(value)
    if isinstance(value, dict):
        names = sorted(value) if key in _OF_NAMES else value
        # What is called `networks` or the like by the user is not what these are called after.
        return {name: _ordered(value[name], "" if key in _OF_NAMES else name) for name in names}
    return [_ordered(item, "") for item in value] if isinstance(value, list) else value
