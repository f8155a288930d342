"""The OCI runtimes of this machine: which there are, and where each can be started."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.errors import BadRequest, Unavailable
from engine.process import find_tool
from engine.runtime.surroundings import Surroundings

# The first that is installed is the default: crun starts a container in a third of the others' time.
KNOWN: Final = ("crun", "runc", "youki")
# What Docker calls its default one; compose files and libraries ask for it, and look for it, by that name.
DOCKERS: Final = "runc"


class Programs:
    """Runtimes by name. `chosen` stands for all of them (tests); `pinned` is as in `Surroundings`."""

    def __init__(self, pinned: Sequence[Path], chosen: Path | None = None) -> None:
        self._pinned = tuple(pinned)
        self._found: dict[str, Path] = {chosen.name: chosen} if chosen else {}
        self._is_fixed = chosen is not None
        self._surroundings: dict[Path, Surroundings] = {}
        self._named: Mapping[str, Path] = {}
        self._default = ""

    def configure(self, named: Mapping[str, Path], default: str) -> None:
        """Add runtimes under names of the user's, and have the one named `default` be it, unless that is "".

        Raises `BadRequest` if there is no such runtime; then everything stays.
        """
        before = self._named, self._default
        self._named, self._default = named, default
        there = self._look()
        if default and default not in there:
            self._named, self._default = before
            raise BadRequest(f"specified default runtime '{default}' does not exist")
        if not self._is_fixed:
            self._found = there

    def found(self) -> Mapping[str, Path]:
        """The installed runtimes, the default first. Looks for them until there are some."""
        if not self._found:
            self._found = self._look()
        return self._found

    @property
    def default(self) -> str:
        """The name of the default runtime. Raises `Unavailable` if there is none at all."""
        return next(iter(self.found()), "") or find_tool(KNOWN[0]).name

    def own_name(self, name: str) -> str:
        """What a runtime is itself called, whatever another one that is installed later takes the name `name`.

        Raises `BadRequest` as `at`.
        """
        surroundings = self.at(name)
        name = name or self.default
        return name if name in self._named else surroundings.name

    def at(self, name: str) -> Surroundings:
        """Where a runtime is started, the default one for "". Raises `BadRequest` for one that is not installed."""
        program = self.found().get(name or self.default)
        if program is None and not self._is_fixed:
            self._found = self._look()
            program = self._found.get(name)
        if program is None:
            raise BadRequest(f"unknown or invalid runtime name: {name}")
        if program not in self._surroundings:
            self._surroundings[program] = Surroundings(program, self._pinned)
        return self._surroundings[program]

    def _look(self) -> dict[str, Path]:
        there = {**installed(self._named), **self._named}
        first = {self._default: there[self._default]} if self._default in there else {}
        return {**first, **there}

    def close(self) -> None:
        """Let go of what the runtimes' surroundings hold."""
        for surroundings in self._surroundings.values():
            surroundings.close()


def installed(named: Collection[str] = ()) -> dict[str, Path]:
    """The OCI runtimes that are there now, by name, the default first.

    Docker's name for it is not among them if the user gives that name away: it is in `named`.
    """
    found = {}
    for name in KNOWN:
        with contextlib.suppress(Unavailable):
            found[name] = find_tool(name)
    return found if DOCKERS in named else with_dockers_name(found)


def with_dockers_name(found: Mapping[str, Path]) -> dict[str, Path]:
    """Runtimes by name, where Docker's name stands for the default one unless there is a runtime of that name."""
    if not found or DOCKERS in found:
        return dict(found)
    return {DOCKERS: next(iter(found.values())), **found}
