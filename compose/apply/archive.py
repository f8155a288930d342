"""Writing files of this machine as a tar stream, each once: nothing is spooled, and a header costs little.

Owners mean nothing at the other end, so everything is root's; modes, times, links and file capabilities stay.
"""

from __future__ import annotations

import os
import stat
import tarfile
from typing import BinaryIO, Final

from compose.errors import ComposeError

_CHUNK: Final = 1 << 18
_TYPES: Final = {stat.S_IFREG: tarfile.REGTYPE, stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFLNK: tarfile.SYMTYPE}
_CAPABILITY: Final = "security.capability"
_HINT: Final = "exclude it in .dockerignore if it is not needed"


class ArchiveWriter:
    """A tar archive (pax) in the making. `end` has to be called, or readers find it cut off."""

    # tarfile.TarFile looks up the owner's name of every file in /etc/passwd, and cannot tell an output that
    # nobody reads any more from a file that cannot be read.

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._seen: dict[tuple[int, int], str] = {}  # first names of files with several, by device and inode

    def add(self, path: str, name: str) -> None:
        """Add one file, directory (without what is in it) or symlink; nothing for what has no contents to send.

        Raises `ComposeError` for what cannot be read, `BrokenPipeError` when nobody reads the archive.
        """
        try:
            found = os.lstat(path)
            member = self._member(path, name, found)
            if member is None:
                return
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if member.isreg() else None
        except OSError as exc:
            raise _unreadable(path, exc) from exc
        if descriptor is None:
            self._write_header(member)
            return
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            self._write_header(member)
            self._copy(file, path, member.size)

    def add_content(self, name: str, content: bytes) -> None:
        """Add a file that is not on the disk, readable to its owner alone."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o600
        self._write_header(member)
        self._output.write(content)
        self._pad(member.size)

    def end(self) -> None:
        """Write the end of the archive."""
        self._output.write(bytes(2 * tarfile.BLOCKSIZE))

    def _member(self, path: str, name: str, found: os.stat_result) -> tarfile.TarInfo | None:
        kind = _TYPES.get(stat.S_IFMT(found.st_mode))
        if kind is None:
            return None  # a socket or device
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.mtime = kind, stat.S_IMODE(found.st_mode), found.st_mtime
        if member.issym():
            member.linkname = os.readlink(path)  # noqa: PTH115 - one of thousands
        elif member.isreg():
            first = self._seen.setdefault((found.st_dev, found.st_ino), name) if found.st_nlink > 1 else name
            if first != name:
                member.type, member.linkname = tarfile.LNKTYPE, first
            else:
                member.size = found.st_size
                member.pax_headers = _capabilities(path)
        return member

    def _write_header(self, member: tarfile.TarInfo) -> None:
        self._output.write(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))

    def _copy(self, file: BinaryIO, path: str, size: int) -> None:
        """Copy exactly as much as the header promises, whatever happens to the file meanwhile."""
        left = size
        while left:
            try:
                chunk = file.read(min(left, _CHUNK))
            except OSError as exc:
                raise _unreadable(path, exc) from exc
            if not chunk:
                raise ComposeError(
                    f"unable to prepare context: {path}: it became shorter while it was read", hint=_HINT
                )
            self._output.write(chunk)
            left -= len(chunk)
        self._pad(size)

    def _pad(self, size: int) -> None:
        self._output.write(bytes(-size % tarfile.BLOCKSIZE))


def _capabilities(path: str) -> dict[str, str]:
    try:
        value = os.getxattr(path, _CAPABILITY, follow_symlinks=False)
    except OSError:
        return {}  # it has none, or its file system knows none
    return {f"SCHILY.xattr.{_CAPABILITY}": value.decode("utf-8", "surrogateescape")}


def _unreadable(path: str, error: OSError) -> ComposeError:
    return ComposeError(f"unable to prepare context: {path}: {error.strerror}", hint=_HINT)
