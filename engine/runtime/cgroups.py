"""Control groups in both versions: where they are mounted, who is in them, taking them down.

Version 1 has one tree per controller, version 2 a single one. A hybrid mount (v1 trees and an extra v2 tree) counts as
version 1; its v2 tree is one of the trees to clean.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from engine.kernel.smallfiles import contents

ROOT = Path("/sys/fs/cgroup")
_SYSTEMD = "name=systemd"
_MOVING = threading.Lock()


class Hierarchies(Struct, frozen=True):
    """The mounted trees. `by_controller` maps `memory` … to its tree's root; `roots` are all trees, v2 last.

    `unified` is the v2 tree of a hybrid layout, if there is one.
    """

    version: int
    by_controller: Mapping[str, Path]
    roots: tuple[Path, ...]
    unified: Path | None


@functools.cache
def hierarchies() -> Hierarchies:
    """Read the layout of this machine (proc_pid_mountinfo(5), cgroups(7))."""
    return parse_mountinfo(Path("/proc/self/mountinfo").read_text())


def parse_mountinfo(text: str) -> Hierarchies:
    """The cgroup trees in a mountinfo table; only those below /sys/fs/cgroup, where runtimes look."""
    legacy: dict[str, Path] = {}
    roots: list[Path] = []
    unified: Path | None = None
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        filesystem, _, options = after.split(" ", 2)
        point = Path(before.split(" ")[4])
        if not point.is_relative_to(ROOT):
            continue
        if filesystem == "cgroup2":
            unified = point
        elif filesystem == "cgroup":
            roots.append(point)
            for option in options.split(" ")[-1].split(","):
                legacy[option] = point
    if unified == ROOT:
        return Hierarchies(2, _unified_controllers(), (ROOT,), None)
    extra = (unified,) if unified else ()
    return Hierarchies(1, legacy, (*dict.fromkeys(roots), *extra), unified)


def _unified_controllers() -> dict[str, Path]:
    try:
        names = (ROOT / "cgroup.controllers").read_text().split()
    except FileNotFoundError:
        names = []
    return dict.fromkeys((*names, "cgroup"), ROOT)


def directory(cgroup: str, controller: str) -> Path | None:
    """The directory of a cgroup in a controller's tree, or None where the controller is not there."""
    root = hierarchies().by_controller.get(controller)
    return root / cgroup.lstrip("/") if root else None


def directories(cgroup: str) -> Iterator[Path]:
    """The directories of a cgroup in every tree that has it."""
    for root in hierarchies().roots:
        path = root / cgroup.lstrip("/")
        if path.is_dir():
            yield path


def members(cgroup: str) -> list[int]:
    """The processes in a cgroup and below it, of every tree, in ascending order."""
    found: set[int] = set()
    found.update(pid for path in directories(cgroup) for below in _deepest_first(path) for pid in _processes(below))
    return sorted(found)


def process_ids(cgroup: str) -> list[int]:
    """The processes in a cgroup and below it, read from one tree (they are alike for a running container)."""
    path = directory(cgroup, "pids") or directory(cgroup, "memory") or next(directories(cgroup), None)
    if path is None:
        return []
    return sorted({pid for below in _deepest_first(path) for pid in _processes(below)})


def remove(cgroup: str) -> bool:
    """Remove a cgroup with everything below it from every tree; False if something in it is busy."""
    # Names are text here: on version 1 there are a dozen for each container.
    name = cgroup.lstrip("/")
    are_gone = [_remove_tree(f"{root}/{name}") for root in hierarchies().roots]
    return all(are_gone)


def remove_empty(cgroup: str) -> None:
    """Remove a cgroup that has nothing below it; leave it where it has."""
    for path in directories(cgroup):
        _remove_one(str(path))


def children(cgroup: str) -> set[str]:
    """The names of the cgroups directly below one, over all trees."""
    return {entry.name for path in directories(cgroup) for entry in os.scandir(path) if entry.is_dir()}


def oom_kills(cgroup: str) -> int:
    """How many processes of a cgroup the kernel killed for memory; 0 where that is not counted."""
    path = directory(cgroup, "memory")
    if path is None:
        return 0
    name = "memory.events" if hierarchies().version == 2 else "memory.oom_control"
    return read_counters(path / name).get("oom_kill", 0)


def read_counters(path: Path) -> dict[str, int]:
    """A flat keyed file (`name value` lines); empty where it is missing."""
    try:
        lines = contents(path).decode().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _deepest_first(path: Path) -> Iterator[Path]:
    try:
        entries = [Path(entry.path) for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for entry in entries:
        yield from _deepest_first(entry)
    yield path


def _processes(path: Path) -> list[int]:
    try:
        return [int(pid) for pid in (path / "cgroup.procs").read_text().split()]
    except OSError as exc:
        # A threaded cgroup answers EOPNOTSUPP, a cgroup that is being removed ENODEV: nothing to list in either.
        if exc.errno in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
            return []
        raise


def _remove_tree(path: str) -> bool:
    # Almost always there is nothing below it: one call a tree, without a look at it first.
    if _remove_one(path):
        return True
    are_gone = [_remove_one(str(below)) for below in _deepest_first(Path(path))]
    return all(are_gone)


def _remove_one(path: str) -> bool:
    try:
        os.rmdir(path)  # noqa: PTH106 - see `remove`
    except OSError as exc:
        if exc.errno == errno.ENOENT:
            return True
        if exc.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        raise
    return True


def allow_any_processes(cgroup: str) -> None:
    """Take a cgroup's limit of processes away; nothing happens where the kernel has none."""
    path = directory(cgroup, "pids")
    if path is not None:
        (path / "pids.max").write_text("max")


def allow_any_time(cgroup: str) -> None:
    """Take a cgroup's quota of processor time away; nothing happens where the kernel has none."""
    path = directory(cgroup, "cpu")
    if path is not None:
        name, word = ("cpu.max", "max") if hierarchies().version == 2 else ("cpu.cfs_quota_us", "-1")
        (path / name).write_text(word)


def is_frozen(cgroup: str) -> bool:
    """Whether a cgroup was frozen itself, not only with one above it."""
    name = "cgroup.freeze" if hierarchies().version == 2 else "freezer.self_freezing"
    path = directory(cgroup, name.partition(".")[0])
    try:
        return path is not None and (path / name).read_text().strip() == "1"
    except FileNotFoundError:
        return False


def thaw(cgroup: str) -> None:
    """Unfreeze a cgroup, so that its processes can die. Nothing happens where there is none or it is not frozen."""
    name, word = ("cgroup.freeze", "0") if hierarchies().version == 2 else ("freezer.state", "THAWED")
    path = directory(cgroup, name.partition(".")[0])
    if path is None:
        return
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(f"{path}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, word.encode())
        finally:
            os.close(descriptor)


def is_in_service() -> bool:
    """Whether the engine is in a cgroup of somebody's, with which it may be ended: a service or a session."""
    return bool(_service_trees())


def move_apart(pid: int, cgroup: str) -> None:
    """Take a process out of the service or session in which the engine was started. Blocks for up to 15 ms.

    A service manager ends whatever is in a service's cgroup (`systemctl kill`). Of use only where `is_in_service`. A
    process that has ended, or a machine that does not allow it, changes nothing.
    """
    for tree in _service_trees():
        _move(pid, tree, cgroup)


def move_along(pid: int, cgroup: str) -> None:
    """The same for a container whose program has not started, in the tree that runtimes leave it in: v2 of a hybrid."""
    unified = hierarchies().unified
    if unified in _service_trees():
        _move(pid, unified, cgroup)


def _move(pid: int, tree: Path, cgroup: str) -> None:
    path = tree / cgroup.lstrip("/")
    with contextlib.suppress(OSError):
        path.mkdir(exist_ok=True)
        try:
            # Only the kernel makes this file. Where it does not, the tree is a plain directory that was mounted over.
            with (path / "cgroup.procs").open("r+") as members_file:
                members_file.write(str(pid))
        except FileNotFoundError:
            path.rmdir()


@functools.cache
def _service_trees() -> tuple[Path, ...]:
    return service_trees(hierarchies(), Path("/proc/self/cgroup").read_text())


def service_trees(found: Hierarchies, places: str) -> tuple[Path, ...]:
    """The trees in which a service manager keeps its services, as far as a process is in one: the v2 tree, and the v1
    tree without a controller that systemd makes for itself. `places` is the process's /proc/PID/cgroup.
    """
    trees = {"": found.by_controller.get("cgroup", found.unified), _SYSTEMD: found.by_controller.get(_SYSTEMD)}
    lines = (line.split(":", 2) for line in places.splitlines())
    return tuple(tree for _, name, place in lines if place != "/" and (tree := trees.get(name)))


def hasten_moves() -> None:
    """Make the kernel ready for a process to be moved between cgroups, without waiting for it.

    The first move after a while waits for an RCU grace period, 5 to 15 ms; those that follow soon do not. A move of
    this process to where it already is, begun while the runtime is still being loaded, lets that time overlap.
    Only for version 1: with 2, runtimes make processes in their cgroup at once.
    """
    place = _own_place()
    if place is not None and not _MOVING.locked():
        threading.Thread(target=_move_nowhere, args=(place,), name="hasten-moves", daemon=True).start()


@functools.cache
def _own_place() -> Path | None:
    if hierarchies().version == 2:
        return None
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        root = hierarchies().by_controller.get(controllers.split(",")[0])
        if root is not None and "pids" in controllers.split(","):
            return root / path.lstrip("/") / "cgroup.procs"
    return None


def _move_nowhere(place: Path) -> None:
    # Without the permission or the file the next move just takes its time.
    with _MOVING, contextlib.suppress(OSError):
        place.write_text(str(os.getpid()))
