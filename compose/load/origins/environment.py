"""The variables of an interpolation, which remember what gave them: the shell, a file, or the project around."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


class Environment(dict[str, str]):
    """Variables by name.

    `outer` are those that win over all others: the shell's (a plain mapping), or for an included project the
    variables of the one that includes it. `layers` are the files that gave the rest: of two layers the earlier
    wins, of two files of one layer the later. Nothing is looked up before someone asks (`compose.load.origins.find`).
    """

    __slots__ = ("layers", "outer")

    def __init__(
        self, variables: Mapping[str, str], *, outer: Mapping[str, str], layers: tuple[tuple[str, ...], ...] = ()
    ) -> None:
        super().__init__(variables)
        self.outer = outer
        self.layers = layers

    def add_files(self, files: tuple[str, ...], variables: Mapping[str, str]) -> None:
        """Add what files gave, except for variables that are there."""
        self.layers = (*self.layers, files)
        for name, value in variables.items():
            self.setdefault(name, value)

    def plus(self, **variables: str) -> Self:
        """Return a copy with some variables set, whatever they were."""
        return type(self)({**self, **variables}, outer=self.outer, layers=self.layers)
