"""Opening files inside a container's root, where no symlink and no `..` leads out (openat2(2), RESOLVE_IN_ROOT)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from engine.kernel.libc import call
from engine.kernel.smallfiles import read_all

_SYS_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10


class _OpenHow(ctypes.Structure):
    """`struct open_how`."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@contextlib.contextmanager
def root_directory(path: Path) -> Iterator[int]:
    """A descriptor of a root directory, for `open_inside`."""
    descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_inside(root: int, path: str, flags: int = os.O_RDONLY) -> int:
    """Open a path as a process whose root directory is `root` would. Raises `OSError`."""
    how = _OpenHow(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    name = path.encode(errors="surrogateescape")
    return call("syscall", _SYS_OPENAT2, root, name, ctypes.byref(how), ctypes.sizeof(how), path=path)


def read_inside(root: int, path: str, limit_bytes: int = 1 << 24) -> bytes:
    """The content of a regular file inside a root, up to a limit. Raises `OSError`."""
    descriptor = open_inside(root, path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(path)
        return read_all(descriptor, limit_bytes)
    finally:
        os.close(descriptor)


def status_inside(root: int, path: str) -> os.stat_result | None:
    """The status of a path inside a root, symlinks followed; None if there is nothing."""
    try:
        descriptor = open_inside(root, path, os.O_PATH)
    except OSError:
        return None
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)
