"""Names as a container sees them: absolute symlinks and `..` stay inside its root.

`resolve_in_root` is for file systems that nobody changes meanwhile; where a container runs, `open_in_root` asks the
kernel (openat2(2)) and cannot be raced.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path
from typing import Final

from engine.errors import BadRequest
from engine.kernel.libc import call

_MOST_LINKS: Final = 255
_SYS_OPENAT2: Final = 437
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_IN_ROOT: Final = 0x10


def resolve_in_root(root: Path, path: str) -> Path:
    """The place of a container's path on the host, every symlink resolved, never outside `root`.

    Parts that do not exist are kept as they are. Raises `BadRequest` for symlinks in a circle. Blocks shortly.
    """
    wanted = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    found: list[str] = []
    links = 0
    while wanted:
        part = wanted.pop()
        if part == "..":
            if found:
                found.pop()
            continue
        target = _link_target(root.joinpath(*found, part))
        if target is None:
            found.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise BadRequest(f"{path}: too many levels of symbolic links")
        if target.startswith("/"):
            found = []
        wanted.extend(piece for piece in reversed(target.split("/")) if piece not in ("", "."))
    return root.joinpath(*found)


def open_in_root(root: Path, path: str, flags: int, mode: int = 0) -> int:
    """Open a container's path, resolved by the kernel inside `root`; return the descriptor. Raises `OSError`."""
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        how = (ctypes.c_uint64 * 3)(flags | os.O_CLOEXEC, mode, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
        name = ctypes.c_char_p(os.fsencode(path))
        size = ctypes.c_size_t(ctypes.sizeof(how))
        return call("syscall", _SYS_OPENAT2, directory, name, ctypes.byref(how), size, path=path)
    finally:
        os.close(directory)


def _link_target(path: Path) -> str | None:
    try:
        found = path.lstat()
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise
    return str(path.readlink()) if stat.S_ISLNK(found.st_mode) else None
