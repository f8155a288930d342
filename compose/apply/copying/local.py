"""This machine's side: files to an archive, and an archive to files."""

from __future__ import annotations

import copy
import os
import stat
import tarfile
from pathlib import Path
from typing import BinaryIO

from compose.apply.copying.placement import Placement, Source, Target, renamed
from compose.errors import ComposeError, UsageError


def local_source(path: str, *, follows_link: bool) -> Source:
    """A file or directory here; `follows_link`: of a symlink what it points to. Raises `UsageError`."""
    place = Path(path)
    try:
        found = place.stat() if follows_link or path.endswith(("/", "/.")) else place.lstat()
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror}") from exc
    return Source(path, is_directory=stat.S_ISDIR(found.st_mode))


def local_target(path: str) -> Target:
    """What is at the place where a copy is wanted. Raises `UsageError` if its directory is not there."""
    place = Path(path)
    if not place.parent.is_dir():
        raise UsageError(f"the directory {place.parent} does not exist", hint="make it first")
    return Target(path, place.exists(), place.is_dir())


def pack(source: Source, name: str, output: BinaryIO, *, follows_link: bool) -> None:
    """Write the source as an archive whose names begin with `name`. Raises `ComposeError`."""
    root = Path(source.path).resolve() if follows_link else Path(source.path)
    try:
        with tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            tar.add(root, name)
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise ComposeError(f"cannot read {exc.filename or source.path}: {exc.strerror}") from exc


def unpack(archive: BinaryIO, place: Placement) -> None:
    """Write the archive's files below the directory of `place`, as ours. Raises `ComposeError`."""
    directory = os.path.realpath(place.directory)
    try:
        with tarfile.open(fileobj=archive, mode="r|*") as tar:
            # Python before 3.11.4 knows no filters: what may be written is decided here, member by member.
            tar.extraction_filter = _as_it_is
            tar.extractall(directory, (_checked(_placed(member, place), directory) for member in tar))
    except tarfile.TarError as exc:
        raise ComposeError(f"cannot unpack into {place.directory}: {exc}") from exc
    except OSError as exc:
        raise ComposeError(f"cannot write {exc.filename or place.directory}: {exc.strerror}") from exc


def _as_it_is(member: tarfile.TarInfo, _directory: str) -> tarfile.TarInfo:
    return member


def _placed(member: tarfile.TarInfo, place: Placement) -> tarfile.TarInfo:
    """Named anew; hard links point within the archive, so their targets are as well."""
    changed = copy.copy(member)
    changed.name = renamed(member.name, place.name).lstrip("/")
    changed.linkname = renamed(member.linkname, place.name) if member.islnk() else member.linkname
    return changed


def _checked(member: tarfile.TarInfo, directory: str) -> tarfile.TarInfo:
    """Refuse what leads out of the directory, through a symlink too; keep the modes, but not the owners.

    Every member comes here when those before it have been written, so their symlinks are seen. Raises
    `tarfile.ExtractError`.
    """
    for name in (member.name, member.linkname) if member.islnk() else (member.name,):
        if not _is_within(os.path.join(directory, name), directory):  # noqa: PTH118 - the archive's words, not a path
            raise tarfile.ExtractError(f"{member.name!r} would be written outside of it")
    member.uid, member.gid = os.geteuid(), os.getegid()
    member.uname = member.gname = ""
    return member


def _is_within(path: str, directory: str) -> bool:
    return os.path.commonpath([os.path.realpath(path), directory]) == directory
