"""The mount namespace in which the OCI runtime is started.

crun refuses a hybrid cgroup layout (v1 trees plus a v2 tree that holds a controller). Only where that is so, it is
started in a private mount namespace without the v2 tree. Everywhere else this module does nothing.

The monitor must not live in such a copy: a mount namespace pins every mount in it, so another container's network
namespace could not go while the monitor runs. So the monitor starts the runtime through nsenter(1), and the copy goes
as soon as the container is created.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.kernel.mounts import (
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    mount,
    mount_of,
    mount_points,
    unmount,
)
from engine.kernel.namespaces import CLONE_FS, CLONE_NEWNS, on_own_thread, setns, unshare
from engine.process import find_tool
from engine.runtime.cgroups import Hierarchies, hierarchies

# Exactly these are what crun looks for (libcrun, cloned_binary.c).
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Surroundings:
    """Starts a runtime where it can work. `pinned` are directories whose mounts a long stay must not hold."""

    def __init__(self, runtime: Path, pinned: Sequence[Path]) -> None:
        self._runtime = runtime
        self._pinned = tuple(pinned)
        self._hidden = tree_to_hide(runtime, hierarchies())
        # Looked up once: the table of mounts has two lines for each container.
        self._hidden_from = mount_of(self._hidden.parent).point if self._hidden else None
        self._lasting: int | None = None
        self._sealed: int | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What the runtime is itself called."""
        return self._runtime.name

    @property
    def path(self) -> Path:
        """Where the runtime is installed."""
        return self._runtime

    @property
    def is_crun(self) -> bool:
        """Whether it is the runtime whose ways we know: its start by hand, its compiled filters."""
        return self._runtime.name == "crun"

    @property
    def program(self) -> str:
        """The name by which to execute the runtime.

        crun never runs from a file that a container could overwrite (CVE-2019-5736): it mounts itself anew and executes
        itself again, on every call. Run from a sealed memory file it need not, which saves 2 ms each time.
        """
        if not self.is_crun:
            return str(self._runtime)
        with self._lock:  # containers are started from many threads
            if self._sealed is None:
                self._sealed = _sealed_copy(self._runtime)
        return f"/proc/{os.getpid()}/fd/{self._sealed}"

    @contextlib.contextmanager
    def command(self) -> Iterator[tuple[str, ...]]:
        """The words with which another process starts the runtime, good until the block ends. Blocks briefly."""
        if self._hidden is None:
            yield (self.program,)
            return
        view = on_own_thread(self._make_view)
        try:
            yield (str(find_tool("nsenter")), f"--mount=/proc/{os.getpid()}/fd/{view}", self.program)
        finally:
            os.close(view)

    def start(self, arguments: Sequence[str], *, under: Sequence[str] = (), **options: Any) -> subprocess.Popen[bytes]:
        """Start the runtime as a child, for as long as it likes. It sees the mounts of no container. Blocks briefly.

        `under` are the words of a program that starts it in its turn.
        """
        argv = [*under, self.program, *arguments]
        if self._hidden is None:
            return subprocess.Popen[bytes](argv, **options)
        with self._lock:
            if self._lasting is None:
                self._lasting = on_own_thread(self._make_lasting_view)
        view = self._lasting

        def inside() -> subprocess.Popen[bytes]:
            unshare(CLONE_FS)  # who shares its root directory cannot change its mount namespace
            setns(view, CLONE_NEWNS)
            return subprocess.Popen[bytes](argv, **options)

        return on_own_thread(inside)

    def close(self) -> None:
        """Let go of the descriptors; nothing can be started any more."""
        with self._lock:
            for descriptor in (self._lasting, self._sealed):
                if descriptor is not None:
                    os.close(descriptor)
            self._lasting = self._sealed = None

    def _make_view(self) -> int:
        """A view for making a container. It hears of the host's mounts as the host itself does, or those that a
        container wants to have propagated would end here; only what it lacks is its own affair.
        """
        unshare(CLONE_NEWNS)
        if self._hidden is not None and self._hidden_from is not None:
            mount("none", self._hidden_from, flags=MS_PRIVATE)
            unmount(self._hidden, lazily=True)
            # crun puts containers there nevertheless: as plain files, which nobody sees and which would stay for ever.
            mount("pycompose", self._hidden, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=1m")
        return os.open(f"/proc/self/task/{threading.get_native_id()}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)

    def _make_lasting_view(self) -> int:
        view = self._make_view()
        mount("none", Path("/"), flags=MS_REC | MS_PRIVATE)
        for place in self._pinned:
            for point in reversed(list(mount_points(place))):
                unmount(point, lazily=True)
        return view


def _sealed_copy(program: Path) -> int:
    """A descriptor of a copy in memory that nobody can change any more."""
    descriptor = os.memfd_create(program.name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        content = program.read_bytes()
        if os.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(program))
        os.fchmod(descriptor, 0o555)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def tree_to_hide(runtime: Path, found: Hierarchies) -> Path | None:
    """The v2 tree that makes this runtime refuse the layout, or None. runc works with it as it is."""
    if runtime.name != "crun" or found.unified is None or found.unified.name != "unified":
        return None
    try:
        has_controllers = bool((found.unified / "cgroup.controllers").read_text().strip())
    except FileNotFoundError:
        return None
    return found.unified if has_controllers else None
