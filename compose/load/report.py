"""What a load has to say: problems, collected until it can go no further, and warnings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

from msgspec.structs import replace

from compose.errors import InvalidProject, Location, Problem

MOST_PROBLEMS = 100
_LINES_OF_A_VALUE = 500


class Report:
    """Collects the problems and warnings of one load."""

    def __init__(self, source_line: Callable[[Location], str | None]) -> None:
        self._source_line = source_line
        self._problems: list[Problem] = []
        self._warnings: dict[str, None] = {}
        self._unset: set[str] = set()
        self._raised: InvalidProject | None = None
        self.is_incomplete = False  # a part of the project is missing: what refers to it cannot be judged

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings in order, each once."""
        return tuple(self._warnings)

    @property
    def problems(self) -> Sequence[Problem]:
        """The problems so far, in the order in which they were found."""
        return self._problems

    @property
    def has_problems(self) -> bool:
        return bool(self._problems)

    def problem(self, problem: Problem) -> None:
        """Note a problem; the load goes on to find more."""
        self._problems.append(problem)

    def warn(self, text: str) -> None:
        """Note a warning."""
        self._warnings.setdefault(text)

    def unset(self, name: str, where: Location | None = None) -> None:
        """Warn that a variable without a default is not set: once, with the first place that it is used at."""
        if name not in self._unset:
            self._unset.add(name)
            place = f" ({where})" if where else ""
            self.warn(f'The "{name}" variable is not set. Defaulting to a blank string.{place}')

    def absorb(self, error: InvalidProject) -> None:
        """Note the problems of an error that the load can go on after, except those that are noted already.

        Raises `InvalidProject` when there are so many that going on helps nobody.
        """
        if len(self._problems) >= MOST_PROBLEMS:
            raise self._invalid() from error
        if error is self._raised:
            return
        known = {(problem.where, problem.message) for problem in self._problems}
        self._problems += [item for item in error.problems if (item.where, item.message) not in known]

    def raise_problems(self) -> None:
        """Raise `InvalidProject` with all problems so far, if there are any."""
        if self._problems:
            raise self._invalid()

    def fail(self, problem: Problem) -> NoReturn:
        """Raise `InvalidProject` with a problem that the load cannot go on after, and all before it."""
        self._problems.append(problem)
        self._raised = self._invalid()
        raise self._raised

    def _invalid(self) -> InvalidProject:
        """Return the error; of several problems at one place the later ones follow from the first and are left out."""
        first: dict[Location | str, Problem] = {}
        for problem in self._problems:
            where = problem.where
            first.setdefault(where if where is not None and where.line else problem.message, problem)
        problems = self.with_sources(sorted(first.values(), key=_in_file_order))
        return InvalidProject(problems, self.warnings)

    def with_sources(self, problems: list[Problem]) -> list[Problem]:
        """Return the problems with the lines of text that they point at."""
        return [self._with_source(problem) for problem in problems]

    def _with_source(self, problem: Problem) -> Problem:
        where = problem.where
        if where is None:
            return problem
        where = self._narrowed(where, problem.part) if problem.part and where.line else where
        return replace(problem, where=where, source=self._source_line(where))

    def _narrowed(self, where: Location, part: str) -> Location:
        """Return the place of a part of the value at `where`, which may go on over several lines."""
        start = where.column - 1
        for line in range(where.line, where.line + _LINES_OF_A_VALUE):
            source = self._source_line(Location(where.file, line, 1))
            if source is None:
                break
            if (found := source.find(part, start)) >= 0:
                return Location(where.file, line, found + 1)
            start = 0
        return where


def _in_file_order(problem: Problem) -> tuple[bool, Location]:
    return problem.where is None, problem.where or Location("")
