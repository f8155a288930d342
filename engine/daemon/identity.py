"""An engine's id, unique among all engines: made at its first start, kept with its state."""

from __future__ import annotations

import uuid
from pathlib import Path

from engine.state.atomic import write_atomically


def engine_id(path: Path) -> str:
    """The UUID in the file, which is written if there is none."""
    try:
        return str(uuid.UUID(path.read_text().strip()))
    except (FileNotFoundError, ValueError):
        made = str(uuid.uuid4())
        write_atomically(path, made.encode())
        return made
