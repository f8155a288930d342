"""Checkpoints on the wire (moby api/types/checkpoint)."""

from __future__ import annotations

from msgspec import field

from engine.wire.codec import Wire


class CheckpointCreateRequest(Wire, frozen=True, kw_only=True):
    """A checkpoint to be made; with `exit` the container ends."""

    checkpoint_id: str = field(name="CheckpointID", default="")
    checkpoint_dir: str = ""
    exit: bool = False


class CheckpointSummary(Wire, frozen=True, kw_only=True):
    """A checkpoint in a list."""

    name: str
