"""Deleting trees, however deep: a container or a layer can nest directories beyond PATH_MAX and any recursion limit."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Final

_TOO_DEEP: Final = frozenset({errno.ENAMETOOLONG, errno.EMFILE})


def delete_tree(path: Path) -> None:
    """Delete a directory and all below it, following no symlink; a missing one is fine. Blocks; raises `OSError`."""
    try:
        path.rmdir()  # most are empty: one call instead of a walk
    except FileNotFoundError:
        return
    except OSError:
        _delete_full(path)


def _delete_full(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except RecursionError:
        _delete_flat(path)
    except OSError as exc:
        if exc.errno not in _TOO_DEEP:
            raise
        _delete_flat(path)


def delete_all(paths: Iterable[Path]) -> None:
    """Delete files and directories with all below them; missing ones are fine. Blocks; raises `OSError`."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            delete_tree(path)
        else:
            path.unlink(missing_ok=True)


def _delete_flat(path: Path) -> None:
    """Bring every directory up beside the first ones before its parent goes, so that no name gets long."""
    numbers = count()
    while directories := [entry.name for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]:
        for name in directories:
            for entry in list(os.scandir(path / name)):
                if entry.is_dir(follow_symlinks=False):
                    Path(entry.path).rename(_free_name(path, numbers))
                else:
                    Path(entry.path).unlink()
            (path / name).rmdir()
    shutil.rmtree(path)


def _free_name(directory: Path, numbers: count[int]) -> Path:
    while (candidate := directory / f".flat-{next(numbers)}").exists():
        continue
    return candidate
