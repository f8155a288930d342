"""What `extends` and `include` share with the assembler that calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from compose.load.report import Report
from compose.load.text.files import Disk
from compose.load.text.yaml import Path
from compose.load.tree import Map


class Scope(Struct, frozen=True):
    """Where a set of files stands.

    `directory` is the absolute directory that file names in `extends` and `include` start from, `base` what
    relative paths are joined to (relative itself for an included project: its includer makes it absolute).
    `included` are the files on the way here, to find cycles.
    """

    directory: str
    base: str
    environment: Mapping[str, str]
    included: tuple[str, ...] = ()


class Assembling(Protocol):
    """Turns files into documents."""

    @property
    def disk(self) -> Disk: ...

    @property
    def report(self) -> Report: ...

    def project(self, files: tuple[str, ...], scope: Scope, *, resolve_paths: bool) -> Map:
        """Return the canonical document of some files, defaults and (if asked for) absolute paths included."""
        ...

    def base_file(self, file: str, base: str, environment: Mapping[str, str]) -> tuple[Map, set[Path]]:
        """Return the document of a file that a service `extends`, and the paths that it resets.

        Nothing but the file itself is looked at: its services are extended one by one, as they are asked for.
        """
        ...
