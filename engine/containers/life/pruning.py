"""Which containers `docker container prune` takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from engine.containers.life.lifecycle import Status
from engine.containers.record import ContainerRecord
from engine.errors import BadRequest
from engine.wire.filters import matches_labels

_PRUNED: Final = frozenset({Status.CREATED, Status.EXITED, Status.DEAD})


def is_pruned(record: ContainerRecord, filters: Mapping[str, Sequence[str]], before_ns: int) -> bool:
    """Whether a container goes that was made before then. Raises `BadRequest` for an unknown filter."""
    for name in filters:
        if name not in ("until", "label", "label!"):
            raise BadRequest(f"invalid filter '{name}'")
    if record.status not in _PRUNED:
        return False
    if not matches_labels(record.config.labels, filters.get("label", ())):
        return False
    if any(matches_labels(record.config.labels, [label]) for label in filters.get("label!", ())):
        return False
    return record.created_ns < before_ns
