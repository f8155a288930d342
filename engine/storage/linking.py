"""A tree a second time without its contents: directories are made, everything else is a hard link. Blocks.

Only for trees that nobody changes, as layers are.
"""

# ruff: noqa: PTH102 - thousands of names, as text

from __future__ import annotations

import os
import stat
from pathlib import Path


def link_tree(source: Path, target: Path) -> None:
    """Make the directory `target` the same as `source`, on the same file system. Raises `OSError`."""
    _link(str(source), str(target))


def _link(source: str, target: str) -> None:
    os.mkdir(target, 0o700)
    with os.scandir(source) as listing:
        for entry in listing:
            if entry.is_dir(follow_symlinks=False):
                _link(entry.path, f"{target}/{entry.name}")
            else:
                os.link(entry.path, f"{target}/{entry.name}", follow_symlinks=False)
    found = os.lstat(source)
    os.chown(target, found.st_uid, found.st_gid)
    for name in os.listxattr(source):
        os.setxattr(target, name, os.getxattr(source, name))
    os.chmod(target, stat.S_IMODE(found.st_mode))  # noqa: PTH101
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
