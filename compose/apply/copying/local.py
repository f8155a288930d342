"""This machine's side: files to an archive, and an archive to files."""

from __future__ import annotations

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
    try:
        with tarfile.open(fileobj=archive, mode="r|*") as tar:
            members = (_placed(member, place) for member in tar)
            tar.extractall(place.directory, members, filter=_checked)
    except tarfile.TarError as exc:
        raise ComposeError(f"cannot unpack into {place.directory}: {exc}") from exc
    except OSError as exc:
        raise ComposeError(f"cannot write {exc.filename or place.directory}: {exc.strerror}") from exc


def _placed(member: tarfile.TarInfo, place: Placement) -> tarfile.TarInfo:
    """Named anew; hard links point within the archive, so their targets are as well."""
    linkname = renamed(member.linkname, place.name) if member.islnk() else member.linkname
    return member.replace(name=renamed(member.name, place.name), linkname=linkname, deep=False)


def _checked(member: tarfile.TarInfo, directory: str) -> tarfile.TarInfo:
    """Refuse what leads out of the directory, through a symlink too; keep the modes, but not the owners."""
    inside = tarfile.tar_filter(member, directory)
    if inside.islnk():
        target = os.path.realpath(os.path.join(directory, inside.linkname))  # noqa: PTH118 - as in tarfile's filters
        if os.path.commonpath([target, os.path.realpath(directory)]) != os.path.realpath(directory):
            raise tarfile.LinkOutsideDestinationError(member, target)
    return inside.replace(mode=member.mode, uid=os.geteuid(), gid=os.getegid(), uname="", gname="", deep=False)
