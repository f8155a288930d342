"""Tar archives to files and back, inside a `View`: no users are looked up, no module is imported meanwhile."""

from __future__ import annotations

import bz2  # noqa: F401 - tarfile imports them when it meets them, which must not happen inside a container
import lzma  # noqa: F401
import os
import posixpath
import shutil
import stat
import tarfile
import zlib  # noqa: F401
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

_XATTR: Final = "SCHILY.xattr."


def write_from(path: str, name: str, output: IO[bytes]) -> None:
    """Write an archive of what is at `path`, called `name` in it; symlinks are kept, sockets left out."""
    links: dict[tuple[int, int], str] = {}
    with tarfile.open(fileobj=output, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for place, inner_name in _walk(path, name):
            _add(archive, place, inner_name, links)


def read_into(directory: str, source: IO[bytes], *, is_strict: bool, owner: tuple[int, int] | None = None) -> None:
    """Unpack an archive into an existing directory, owners, modes, times and extended attributes included.

    Runs in a thread whose umask is its own. Directories that the archive only implies are root's, with mode 0755.
    What is in the way is replaced; with `is_strict` not a directory by something else, nor the other way round.
    With `owner` everything is that user's and group's. Names that lead out of the directory are refused.
    Raises `NotADirectoryError`, `FileNotFoundError`, `tarfile.TarError`, `OSError`.
    """
    _enter(directory)
    os.umask(0o022)  # of this thread alone too; what the archive names gets its very mode
    try:
        archive = tarfile.open(fileobj=source, mode="r|*")  # noqa: SIM115  # the block below closes it
    except tarfile.ReadError as exc:
        if str(exc) == "empty file":
            return  # no bytes at all are an archive of nothing, as for Docker
        raise
    with archive:
        # The first releases of Python 3.11, Debian 12's among them, have no filters and behave like this one.
        archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        folders = []
        for member in archive:
            member.name = _inner_name(member.name)
            if member.islnk():
                member.linkname = _inner_name(member.linkname)
            if owner is not None:
                member.uid, member.gid = owner
            _make_room(member, is_strict=is_strict)
            archive.extract(member, ".", numeric_owner=True)
            _set_attributes(member)
            if member.isdir():
                folders.append(member)
            elif member.issym():
                _set_time(member)  # tarfile leaves it alone
    # Files made inside changed the directories' times.
    for member in reversed(folders):
        _set_time(member)
    # A client may pad the archive: who stops reading early would break its pipe.
    while source.read(1 << 16):
        continue


def _enter(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchdir(descriptor)  # of this thread alone: a `View` shares it with nobody
    finally:
        os.close(descriptor)


def _walk(path: str, name: str) -> Iterator[tuple[str, str]]:
    yield path, name
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for entry in sorted(Path(path).iterdir()):
            yield from _walk(str(entry), posixpath.join(name, entry.name))


def _add(archive: tarfile.TarFile, path: str, name: str, links: dict[tuple[int, int], str]) -> None:
    found = os.lstat(path)
    member = tarfile.TarInfo(name)
    member.mode, member.uid, member.gid = stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
    member.mtime = found.st_mtime
    key = (found.st_dev, found.st_ino)
    if stat.S_ISREG(found.st_mode) and key in links:
        member.type, member.linkname = tarfile.LNKTYPE, links[key]
    elif stat.S_ISREG(found.st_mode):
        if found.st_nlink > 1:
            links[key] = name
        _add_file(archive, path, member, found.st_size)
        return
    elif not _describe(member, path, found):
        return
    archive.addfile(member)


def _add_file(archive: tarfile.TarFile, path: str, member: tarfile.TarInfo, size: int) -> None:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        # A file that grows meanwhile is cut at this size, one that shrinks is padded: the archive stays whole.
        member.size = size
        member.pax_headers = {
            _XATTR + name: os.getxattr(file.fileno(), name).decode("utf-8", "surrogateescape")
            for name in os.listxattr(file.fileno())
            if name.startswith(("security.capability", "user."))
        }
        archive.addfile(member, _Padded(file))


class _Padded:
    """A file that goes on with zeros behind its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = 0, /) -> bytes:
        return self._file.read(size).ljust(size, b"\0")


def _describe(member: tarfile.TarInfo, path: str, found: os.stat_result) -> bool:
    """Fill in what is special of a file that is not a regular one; False if it does not go into archives."""
    if stat.S_ISDIR(found.st_mode):
        member.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(found.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, str(Path(path).readlink())
    elif stat.S_ISFIFO(found.st_mode):
        member.type = tarfile.FIFOTYPE
    elif stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        member.type = tarfile.CHRTYPE if stat.S_ISCHR(found.st_mode) else tarfile.BLKTYPE
        member.devmajor, member.devminor = os.major(found.st_rdev), os.minor(found.st_rdev)
    else:
        return False
    return True


def _make_room(member: tarfile.TarInfo, *, is_strict: bool) -> None:
    path = member.name
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    is_directory = stat.S_ISDIR(found.st_mode)
    if is_directory and member.isdir():
        return
    if is_strict and is_directory != member.isdir():
        kinds = ("directory", "non-directory") if is_directory else ("non-directory", "directory")
        raise tarfile.ExtractError(f"cannot overwrite {kinds[0]} {path!r} with {kinds[1]}")
    if not is_directory:
        # A symlink to a directory that the archive has as a directory stays, as in `docker cp`.
        if stat.S_ISLNK(found.st_mode) and member.isdir() and Path(path).is_dir():
            return
        Path(path).unlink()
    else:
        shutil.rmtree(path)


def _set_time(member: tarfile.TarInfo) -> None:
    os.utime(member.name, (member.mtime, member.mtime), follow_symlinks=False)


def _set_attributes(member: tarfile.TarInfo) -> None:
    for header, value in member.pax_headers.items():
        if header.startswith(_XATTR):
            attribute = header.removeprefix(_XATTR)
            os.setxattr(member.name, attribute, value.encode("utf-8", "surrogateescape"), follow_symlinks=False)


def _inner_name(name: str) -> str:
    clean = posixpath.normpath(name.lstrip("/"))
    if clean.split("/", 1)[0] == "..":
        raise tarfile.ExtractError(f'invalid entry name "{name}"')
    return clean
