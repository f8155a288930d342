"""Copying a tree as it is: owners, modes, times, attributes, links, devices, holes."""

# ruff: noqa: PTH101, PTH102, PTH108, PTH115, PTH211 - thousands of names, as bytes or text

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Final

import anyio.to_thread

from engine.storage.jail import between
from engine.storage.sparse import copy_file

_UNSUPPORTED: Final = frozenset({errno.ENOTSUP, errno.EPERM, errno.ENODATA})
_OVERLAY: Final = "trusted.overlay."


async def copy_tree(source: Path, target: Path) -> None:
    """Copy the contents of the directory `source` into the directory `target`, and source's own owner, mode and times.

    Symlinks are copied, never followed out of `target`, whoever makes some there meanwhile; hard links within the tree
    stay links; sockets are left out. What is in `target` under the same name is replaced unless both are directories.
    Raises `OSError`; what was copied stays.
    """
    await anyio.to_thread.run_sync(copy_tree_blocking, source, target)


def copy_tree_blocking(source: Path, target: Path) -> None:
    """`copy_tree` for a thread that may block."""
    # A container that has the target, a volume, may lay links there at any moment: none of them leads out of it.
    between(source, target, lambda: _copy_directory(".", "/", {}))


def _copy_directory(source: str, target: str, links: dict[tuple[int, int], str]) -> None:
    with os.scandir(source) as listing:
        for entry in listing:
            _copy(entry, f"{target.rstrip('/')}/{entry.name}", links)
    _copy_attributes(source, target, os.lstat(source))


def _copy(entry: os.DirEntry[str], target: str, links: dict[tuple[int, int], str]) -> None:
    found = entry.stat(follow_symlinks=False)
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFSOCK:
        return
    if not _make_room(target, keep_directory=kind == stat.S_IFDIR):
        _copy_directory(entry.path, target, links)
        return
    if kind == stat.S_IFDIR:
        os.mkdir(target, 0o700)
        _copy_directory(entry.path, target, links)
        return
    if found.st_nlink > 1:
        first = links.setdefault((found.st_dev, found.st_ino), target)
        if first != target:
            os.link(first, target, follow_symlinks=False)
            return
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(entry.path), target)
    elif kind == stat.S_IFREG:
        copy_file(entry.path, target)
    else:
        os.mknod(target, found.st_mode, found.st_rdev)
    _copy_attributes(entry.path, target, found)


def _make_room(target: str, *, keep_directory: bool) -> bool:
    """Remove what is in the way; return False when a directory is there that stays."""
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(found.st_mode):
        if keep_directory:
            return False
        shutil.rmtree(target)
    else:
        os.unlink(target)
    return True


def _copy_attributes(source: str, target: str, found: os.stat_result) -> None:
    os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    for name in os.listxattr(source, follow_symlinks=False):
        if name.startswith(_OVERLAY):
            continue
        try:
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
        except OSError as exc:
            if exc.errno not in _UNSUPPORTED:
                raise
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(target, stat.S_IMODE(found.st_mode))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)
