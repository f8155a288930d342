"""What a build's request carries besides its context, for this project's own engine."""

from __future__ import annotations

from msgspec import Struct


class Enclosure(Struct, frozen=True, omit_defaults=True):
    """Comes in front of the archive, as JSON, and never touches a disk: secrets by id, and the Dockerfile of a context
    that the engine fetches itself.
    """

    secrets: dict[str, bytes] = {}
    dockerfile: str = ""

    def __repr__(self) -> str:
        return f"Enclosure(secrets={sorted(self.secrets)})"
