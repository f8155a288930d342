"""What is wrong in a Dockerfile, and where."""

from __future__ import annotations

from engine.errors import BadRequest


class DockerfileError(BadRequest):
    """A mistake in a Dockerfile; the message begins with `file:line:`. Line 0 is the file as a whole."""

    def __init__(self, file: str, line: int, problem: str, *, hint: str | None = None) -> None:
        super().__init__(f"{file}:{line}: {problem}" if line else f"{file}: {problem}", hint=hint)
        self.line = line
        self.problem = problem


class Misspelt(Exception):
    """What is wrong with a part of an instruction; whoever knows the line turns it into a `DockerfileError`."""

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
