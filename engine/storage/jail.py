"""Working inside a directory as if it were the whole file system.

A thread of its own gives up sharing its root, working directory and umask with the process (unshare(2), CLONE_FS)
and changes its root. The kernel then resolves every name, `..` and symlinks included, inside: nothing that an
archive names can lie elsewhere, and no check per name is needed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from engine.kernel.namespaces import unshare

T = TypeVar("T")

_CLONE_FS: Final = 0x00000200


def inside(root: Path, act: Callable[[], T]) -> T:
    """Run `act` on a throw-away thread whose root and working directory are `root` and whose umask is 0.

    `act` must not import modules: they are out of its sight. Blocks; raises what `act` raises, or `OSError`.
    """
    return _on_own_thread(root, act, change_root=True)


def at(directory: Path, act: Callable[[], T]) -> T:
    """Run `act` on a throw-away thread whose working directory is `directory`, so that short names do. Blocks."""
    return _on_own_thread(directory, act, change_root=False)


def _on_own_thread(directory: Path, act: Callable[[], T], *, change_root: bool) -> T:
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            unshare(_CLONE_FS)
            _enter(directory, change_root=change_root)
            results.append(act())
        except BaseException as exc:  # noqa: BLE001 - raised again on the caller's thread, below
            errors.append(exc)

    thread = threading.Thread(target=run, name="jail")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _enter(directory: Path, *, change_root: bool) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchdir(descriptor)
    finally:
        os.close(descriptor)
    if change_root:
        os.chroot(".")
        os.umask(0)
