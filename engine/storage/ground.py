"""The lowest layer of every container: read-only, below those of its image, one for a whole engine. (Docker makes an
*init layer* per container for the same purpose.)

It has what programs look for in a container (`/.dockerenv`, `/etc/mtab`) and the places on which the runtime mounts
something, so that none of these is made anew, and found as a change, in every container. What an image has itself lies
above it and counts. No image ever gets it: it is no layer of any.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

_DIRECTORIES: Final = ("dev", "dev/pts", "dev/shm", "etc", "proc", "sys")
_FILES: Final = (".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf")
_LINKS: Final = {"etc/mtab": "/proc/mounts"}


def lay_ground(directory: Path) -> None:
    """Make the layer in `directory`, or what a crash left out of it. Blocks; raises `OSError`."""
    directory.mkdir(mode=0o755, exist_ok=True)
    for name in _DIRECTORIES:
        (directory / name).mkdir(mode=0o755, exist_ok=True)
    for name in _FILES:
        (directory / name).touch(mode=0o755)
    for name, target in _LINKS.items():
        with contextlib.suppress(FileExistsError):
            (directory / name).symlink_to(target)
