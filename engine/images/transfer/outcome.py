"""What a pull came to, in the last lines that it tells."""

from __future__ import annotations

from msgspec import Struct, field

from engine.wire.images import Progress


class Outcome(Struct):
    """Whether a pull brought anything new, and what to warn of."""

    is_new: bool = False
    warnings: list[str] = field(default_factory=list[str])

    def lines(self, name: str) -> list[Progress]:
        """The last lines, in Docker's words."""
        outcome = "Downloaded newer image for" if self.is_new else "Image is up to date for"
        told = [f"Status: {outcome} {name}", *(f"WARNING: {warning}" for warning in self.warnings)]
        return [Progress(status=text) for text in told]
