"""A build step that failed: where it stands in the Dockerfile, and the end of what it said."""

from __future__ import annotations

from engine.builder.dockerfile.stages import Dockerfile
from engine.errors import EngineError


class StepFailed(EngineError):
    """`exit_code` is that of a RUN's program, 0 for what failed otherwise; `log` is the end of its output."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        line: int,
        problem: str,
        *,
        exit_code: int = 0,
        log: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(f"{dockerfile.file}:{line}: {problem}", hint=hint)
        self.exit_code = exit_code
        self.log = log

    @classmethod
    def at(cls, dockerfile: Dockerfile, line: int, error: EngineError) -> StepFailed:
        """An error of another part, with its place in the Dockerfile."""
        found = cls(dockerfile, line, error.message, hint=error.hint)
        found.status = error.status
        return found
