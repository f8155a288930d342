"""Where what is copied goes, and under which name: what `docker cp` documents."""

from __future__ import annotations

import posixpath

from msgspec import Struct

from compose.errors import UsageError


class Source(Struct, frozen=True):
    """What is copied. A `path` that ends with `/.` is a directory's contents, without itself."""

    path: str
    is_directory: bool

    @property
    def name(self) -> str:
        """The last part, `.` for contents: what the names in its archive begin with."""
        return "." if self.path.endswith("/.") or self.path == "." else posixpath.basename(self.path.rstrip("/")) or "/"


class Target(Struct, frozen=True):
    """Where it is wanted, and what is there now."""

    path: str
    exists: bool = False
    is_directory: bool = False


class Placement(Struct, frozen=True):
    """The directory that the archive is unpacked into, and the first part of all its names there."""

    directory: str
    name: str


def placement(source: Source, target: Target) -> Placement:
    """Decide. Raises `UsageError` for a directory onto a file, and into a directory that is not there."""
    if target.is_directory:
        return Placement(target.path, source.name)
    if target.exists and source.is_directory:
        raise UsageError(f"cannot copy the directory {source.path} onto the file {target.path}")
    if target.path.endswith(("/", "/.")) and (target.exists or not source.is_directory):
        problem = "is not a directory" if target.exists else "does not exist"
        raise UsageError(f"the directory {target.path} {problem}", hint="leave out the / at the end for a file")
    directory, name = posixpath.split(target.path.removesuffix("/.").rstrip("/"))
    return Placement(directory or ".", name)


def renamed(name: str, first: str) -> str:
    """A name of an archive with another first part; the contents of `.` move below it."""
    _, _, rest = name.removeprefix("/").partition("/")
    return posixpath.join(first, rest) if rest else first
