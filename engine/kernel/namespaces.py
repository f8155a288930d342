"""Making and entering namespaces (unshare(2), setns(2)).

A thread that changes its network namespace must end, or go back, before it serves anyone else: `inside_network`
does the latter on a thread of its own.
"""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.kernel.libc import call
from engine.kernel.mounts import MS_BIND, mount, unmount

T = TypeVar("T")

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000


def unshare(flags: int) -> None:
    """Move the calling thread into new namespaces."""
    call("unshare", flags)


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into the namespace behind an open file."""
    call("setns", descriptor, kind)


def make_network_namespace(path: Path) -> None:
    """Make a network namespace and keep it alive by a bind mount on `path` (created). Raises `OSError`."""
    furnish_network_namespace(path, lambda: None)


def furnish_network_namespace(path: Path, furnish: Callable[[], T]) -> T:
    """Make a network namespace, keep it alive by a bind mount on `path` (created), and run `furnish` inside it.

    Nothing is left if that fails. Raises `OSError` and what `furnish` raises.
    """

    def make() -> T:
        unshare(CLONE_NEWNET)
        mount(f"/proc/self/task/{threading.get_native_id()}/ns/net", path, flags=MS_BIND)
        return furnish()

    path.touch()
    try:
        return on_own_thread(make)
    except BaseException:
        drop_network_namespace(path)
        raise


def drop_network_namespace(path: Path) -> None:
    """Let go of a namespace made by `make_network_namespace`; the kernel then removes its links."""
    unmount(path, lazily=True)
    path.unlink(missing_ok=True)


def inside_network(path: Path, act: Callable[[], T]) -> T:
    """Run `act` on a throw-away thread inside a network namespace; sockets it opens stay in there."""

    def enter() -> T:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(descriptor, CLONE_NEWNET)
        finally:
            os.close(descriptor)
        return act()

    return on_own_thread(enter)


def on_own_thread(act: Callable[[], T]) -> T:
    """Run `act` on a thread that ends with it, so that what it changes of itself (namespaces, root) serves no one else.

    Blocks; raises what `act` raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    over = _thread.allocate_lock()
    over.acquire()

    def run() -> None:
        try:
            results.append(act())
        except BaseException as exc:  # noqa: BLE001 - raised again on the caller's thread, below
            errors.append(exc)
        finally:
            over.release()

    # Not `threading.Thread`, which hands over to and fro once more, to begin with: this is done thrice a container.
    _thread.start_new_thread(run, ())
    over.acquire()
    if errors:
        raise errors[0]
    return results[0]
