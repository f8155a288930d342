"""Errors of the command-line side: what is wrong, where in the user's files, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Location(Struct, frozen=True, order=True):
    """A place in a user's file; `line` and `column` count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Problem(Struct, frozen=True):
    """One thing wrong with the user's input.

    `source` is the line of text that `where` points into. `part` is the text at fault where it is less than the
    whole value that stands there, such as one variable of it.
    """

    message: str
    where: Location | None = None
    hint: str | None = None
    source: str | None = None
    part: str = ""


class ComposeError(Exception):
    """A failure that the user is told about; `exit_code` is what the command then ends with.

    `where` is its place in the user's files and `source` the line there. Who does not know them may name the
    `subject`, the path of the part of the project that is at fault: the command line then looks up its place. Within a
    text of several lines, `line` says which, counted from 1.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        where: Location | None = None,
        subject: tuple[str | int, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.source: str | None = None
        self.subject = subject
        self.line = 0

    @property
    def problems(self) -> Sequence[Problem]:
        """What to print: one entry here, many for `InvalidProject`."""
        return (Problem(self.message, self.where, self.hint, self.source),)


def raise_all(errors: Sequence[ComposeError]) -> None:
    """Raise them, if there are any: one by itself, several as a group."""
    if errors:
        raise errors[0] if len(errors) == 1 else ExceptionGroup("several things are wrong", errors)


class InvalidProject(ComposeError):
    """The project's files cannot be used. Carries every problem that was found, in file order.

    The warnings of the load come along: a variable that is not set may be why something is wrong.
    """

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[str] = ()) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self._problems = tuple(problems)
        self.warnings = tuple(warnings)

    @property
    def problems(self) -> Sequence[Problem]:
        return self._problems


class NoProject(ComposeError):
    """No Compose file was found where we looked."""


class UsageError(ComposeError):
    """The command line asks for something that cannot be (no such service, contradicting flags)."""


class EngineUnavailable(ComposeError):
    """No engine answers, and none could be started."""


class EngineRefused(ComposeError):
    """The engine answered a request with an error; `status` is its HTTP status."""

    def __init__(self, message: str, *, status: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ServiceFailed(ComposeError):
    """A service died, stayed unhealthy or did not complete while the project was brought up."""
