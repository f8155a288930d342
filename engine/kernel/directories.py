"""Directories of a few small files, removed with few system calls: what each container leaves behind."""

from __future__ import annotations

import os
import shutil


def remove_directory(path: str) -> None:
    """Remove a directory with all in it, following no symlink; a missing one is fine. Blocks. What cannot be removed
    stays, and the rest goes.
    """
    try:
        # Names are text: a path object for each costs more than its system call.
        with os.scandir(path) as entries:
            found = list(entries)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)  # noqa: PTH108 - see above
        os.rmdir(path)  # noqa: PTH106 - see above
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
