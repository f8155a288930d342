"""Working inside a directory as if it were the whole file system.

A thread of its own gives up sharing its root, working directory and umask with the process (unshare(2), CLONE_FS)
and changes its root. The kernel then resolves every name, `..` and symlinks included, inside: nothing that an
archive names can lie elsewhere, and no check per name is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.kernel.namespaces import CLONE_FS, on_own_thread, unshare

T = TypeVar("T")


def inside(root: Path, act: Callable[[], T]) -> T:
    """Run `act` on a throw-away thread whose root and working directory are `root` and whose umask is 0.

    `act` must not import modules: they are out of its sight. Blocks; raises what `act` raises, or `OSError`.
    """

    def run() -> T:
        _enter(root, change_root=True)
        return act()

    return on_own_thread(run)


def between(directory: Path, root: Path, act: Callable[[], T]) -> T:
    """Run `act` as `inside` does, but with a working directory that need not be below the root.

    So names with a leading slash are inside `root`, and all others in `directory`.
    """

    def run() -> T:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _enter(root, change_root=True)
            os.fchdir(descriptor)
        finally:
            os.close(descriptor)
        return act()

    return on_own_thread(run)


def at(directory: Path, act: Callable[[], T]) -> T:
    """Run `act` on a throw-away thread whose working directory is `directory`, so that short names do. Blocks."""

    def run() -> T:
        _enter(directory, change_root=False)
        return act()

    return on_own_thread(run)


def _enter(directory: Path, *, change_root: bool) -> None:
    unshare(CLONE_FS)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchdir(descriptor)
    finally:
        os.close(descriptor)
    if change_root:
        os.chroot(".")
        os.umask(0)
