"""Which containers `docker container prune` takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from engine.containers.lifecycle import Status
from engine.containers.record import ContainerRecord
from engine.errors import BadRequest
from engine.wire.filters import matches_labels
from engine.wire.times import parse_time

_PRUNED: Final = frozenset({Status.CREATED, Status.EXITED, Status.DEAD})
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def is_pruned(record: ContainerRecord, filters: Mapping[str, Sequence[str]], now_ns: int) -> bool:
    """Whether a container goes. Raises `BadRequest` for an unknown filter."""
    for name in filters:
        if name not in ("until", "label", "label!"):
            raise BadRequest(f"invalid filter '{name}'")
    if record.status not in _PRUNED:
        return False
    if not matches_labels(record.config.labels, filters.get("label", ())):
        return False
    if any(matches_labels(record.config.labels, [label]) for label in filters.get("label!", ())):
        return False
    return all(record.created_ns < _moment(text, now_ns) for text in filters.get("until", ()))


def _moment(text: str, now_ns: int) -> int:
    """A time, or a duration before now (`10m`, `1h30m`)."""
    if text and (match := _DURATION.fullmatch(text)):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return now_ns - (hours * 3600 + minutes * 60 + seconds) * 1_000_000_000
    return parse_time(text)
