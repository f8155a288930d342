"""A build step that failed, and where it stands in the Dockerfile."""

from __future__ import annotations

from engine.builder.dockerfile.stages import Dockerfile
from engine.errors import EngineError


class StepFailed(EngineError):
    """`line` and `problem` are the message's parts. `command` is a RUN's program and `exit_code` its code, 0 for what
    failed otherwise.
    """

    def __init__(
        self,
        dockerfile: Dockerfile,
        line: int,
        problem: str,
        *,
        command: str = "",
        exit_code: int = 0,
        hint: str | None = None,
    ) -> None:
        super().__init__(f"{dockerfile.file}:{line}: {problem}", hint=hint)
        self.line = line
        self.problem = problem
        self.command = command
        self.exit_code = exit_code

    @classmethod
    def at(cls, dockerfile: Dockerfile, line: int, error: EngineError) -> StepFailed:
        """An error of another part, with its place in the Dockerfile."""
        found = cls(dockerfile, line, error.message, hint=error.hint)
        found.status = error.status
        return found
