"""What a plan is carried out on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from compose.model.project import Project
from compose.plan.observed import Observed

if TYPE_CHECKING:
    from engine.client import EngineClient


class Stage(Struct, frozen=True):
    """The engine, and what was known when the plan was made.

    `on_hook_line` gets each line that a hook writes and the name of its container, where that is shown.
    """

    engine: EngineClient
    project: Project
    observed: Observed
    on_hook_line: Callable[[str, bytes], object] | None = None
