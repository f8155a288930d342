"""Mounting and unmounting (mount(2), umount2(2)) and the table of what is mounted."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct

from engine.kernel.libc import call

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20

_MNT_DETACH = 2
_UMOUNT_NOFOLLOW = 8


def mount(source: str, target: Path, filesystem: str = "", flags: int = 0, options: str = "") -> None:
    """Mount `source` on `target`. Raises `OSError` with the target's path."""
    call(
        "mount",
        os.fsencode(source),
        os.fsencode(target),
        os.fsencode(filesystem) or None,
        flags,
        options.encode() or None,
        path=str(target),
    )


def unmount(target: Path, *, lazily: bool = False) -> bool:
    """Unmount what is on `target`, never following a symlink; return False if nothing is mounted there."""
    flags = _UMOUNT_NOFOLLOW | (_MNT_DETACH if lazily else 0)
    try:
        call("umount2", os.fsencode(target), flags, path=str(target))
    except OSError as exc:
        if exc.errno in (errno.EINVAL, errno.ENOENT):
            return False
        raise
    return True


@cache
def has_recursive_read_only() -> bool:
    """Whether the kernel can make a mount and all below it read-only at once (mount_setattr(2), Linux 5.12)."""
    major, minor = re.findall(r"\d+", os.uname().release)[:2]
    return (int(major), int(minor)) >= (5, 12)


class MountEntry(Struct, frozen=True):
    """A mount of some kind of file system (`tmpfs`), and whether others hear of what is mounted below it (`is_shared`),
    or it of theirs (`is_slave`).
    """

    point: Path
    is_shared: bool
    is_slave: bool
    filesystem: str


def mounts_of_kind(filesystem: str, process_id: int) -> Iterator[Path]:
    """Yield where a process has file systems of a kind mounted, as it sees them, in the order of mounting."""
    with Path(f"/proc/{process_id}/mountinfo").open("rb") as table:
        for line in table:
            before, _, after = line.partition(b" - ")
            if after.split(b" ", 1)[0] == os.fsencode(filesystem):
                yield Path(_unescape(before.split(b" ")[4]))


def mount_of(path: Path) -> MountEntry:
    """The mount on which a path is, symbolic links followed (proc_pid_mountinfo(5))."""
    wanted = os.fspath(path.resolve())
    found = MountEntry(Path("/"), is_shared=False, is_slave=False, filesystem="")
    with Path("/proc/self/mountinfo").open("rb") as table:
        for line in table:
            fields = line.split(b" ")
            point = _unescape(fields[4])
            covers = point == "/" or wanted == point or wanted.startswith(point + "/")
            # Of several mounts on one place the last is on top.
            if covers and len(point) >= len(str(found.point)):
                end = fields.index(b"-")
                options = fields[6:end]
                found = MountEntry(
                    Path(point),
                    is_shared=any(option.startswith(b"shared:") for option in options),
                    is_slave=any(option.startswith(b"master:") for option in options),
                    filesystem=os.fsdecode(fields[end + 1]),
                )
    return found


def mount_points(below: Path) -> Iterator[Path]:
    """Yield what is mounted at or below a directory, the deepest last (proc_pid_mountinfo(5))."""
    prefix = str(below)
    with Path("/proc/self/mountinfo").open("rb") as table:
        for line in table:
            point = _unescape(line.split(b" ", 5)[4])
            if point == prefix or point.startswith(prefix + "/"):
                yield Path(point)


def _unescape(field: bytes) -> str:
    for code, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        field = field.replace(code, char)
    return os.fsdecode(field)
