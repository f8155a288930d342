"""Where an engine of ours keeps its things."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class EngineHome(Struct, frozen=True):
    """An engine's two directories: what lasts, and what is of this boot."""

    state: Path
    run: Path

    @property
    def socket(self) -> Path:
        """Where its API answers."""
        return self.run / "engine.sock"

    @property
    def address(self) -> str:
        """The same for a client."""
        return f"unix://{self.socket}"

    @property
    def log(self) -> Path:
        """What it writes when it was started from here."""
        return self.state / "engine.log"
