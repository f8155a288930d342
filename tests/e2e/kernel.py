"""What one engine has in the kernel: read, to compare before and after; and removed, when a test has failed half-way.

Everything an engine makes carries its tag or lies below its directories, so tests with engines of their own can run
side by side and still each see exactly their own things.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import anyio

from engine.network.kernel.firewall import Firewall
from engine.network.kernel.rules import drop_table, table_name
from engine.state.paths import Paths

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_UNMOUNT_LAZILY = 2
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class KernelState:
    """Names of everything that belongs to one engine. Compares equal when nothing was added and nothing is gone."""

    mounts: tuple[str, ...]
    links: tuple[str, ...]
    firewall: tuple[str, ...]
    cgroups: tuple[str, ...]
    processes: tuple[str, ...]
    files: tuple[str, ...]


NOTHING = KernelState((), (), (), (), (), ())


class _Process(NamedTuple):
    pid: int
    parent: int
    name: str


def without_engine(state: KernelState) -> KernelState:
    """One engine may follow another, and has some of its files in memory; everything else has to be the same."""
    return replace(
        state,
        mounts=tuple(line for line in state.mounts if not line.endswith(("/run/runtime", "/run/netns"))),
        processes=tuple(line for line in state.processes if not line.endswith(" engine")),
    )


def kernel_state(paths: Paths) -> KernelState:
    """Look at the machine as it is now. `files` leaves out images, the database and logs: those are meant to stay."""
    return KernelState(
        mounts=tuple(sorted(_mounts(paths))),
        links=tuple(sorted(_links(paths))),
        firewall=tuple(sorted(_firewall(paths))),
        cgroups=tuple(sorted(str(path) for path in _cgroups(paths))),
        processes=tuple(sorted(f"{process.pid} {process.name}" for process in _processes(paths))),
        files=tuple(sorted(_files(paths))),
    )


def remove_everything(paths: Paths) -> None:
    """End an engine and take away all that it made, without its help. Asks nothing and works from any state."""
    for group in _cgroups(paths):
        with contextlib.suppress(OSError):  # of another hierarchy, or gone
            (group / "freezer.state").write_text("THAWED")  # what is paused does not die
    _kill(engine_pids(paths))  # first: it would do something about every end that it sees
    _kill(process.pid for process in _processes(paths))
    libc = ctypes.CDLL(None, use_errno=True)
    for target in sorted(_mounts(paths), reverse=True):
        libc.umount2(os.fsencode(target), _UNMOUNT_LAZILY)
    for link in _links(paths):
        subprocess.run(["ip", "link", "delete", link], check=False, capture_output=True)
    with contextlib.closing(Firewall(paths.tag)) as firewall:
        anyio.run(firewall.apply, drop_table(paths.tag))
    for group in sorted(_cgroups(paths), key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):  # a zombie of somebody else's may still be inside
            group.rmdir()


def _kill(pids: Iterable[int]) -> None:
    """End processes for good, and wait until they have: one that still dies holds its cgroup, and may write files."""
    dying = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            dying.append(os.pidfd_open(pid))
            signal.pidfd_send_signal(dying[-1], signal.SIGKILL)
    for descriptor in dying:
        select.select([descriptor], [], [], _PATIENCE_SECONDS)
        os.close(descriptor)


def engine_pids(paths: Paths) -> list[int]:
    """The engine's own process, by its command line."""
    found = {process.pid: process.parent for process in _processes(paths) if process.name == "engine"}
    # What an engine starts has its command line until it has become another program.
    return [pid for pid, parent in found.items() if parent not in found]


def _mounts(paths: Paths) -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        target = line.split()[4]
        if Path(target).is_relative_to(paths.root) or Path(target).is_relative_to(paths.run):
            yield target


def _links(paths: Paths) -> Iterator[str]:
    for link in Path("/sys/class/net").iterdir():
        if link.name.startswith((f"pc{paths.tag}", f"pcv{paths.tag}")):
            yield link.name


def _firewall(paths: Paths) -> Iterator[str]:
    """Everything in our table, if there is one."""
    # One table, not the ruleset: sets that a newer nft has made elsewhere end Debian 12's nft.
    show = ["nft", "--json", "list", "table", "inet", table_name(paths.tag)]
    listed = subprocess.run(show, check=False, capture_output=True, text=True)
    if listed.returncode == 1:
        return
    listed.check_returncode()
    for entry in json.loads(listed.stdout)["nftables"]:
        for kind, item in entry.items():
            if kind != "metainfo":
                item.pop("handle", None)
                yield f"{kind} {json.dumps(item, sort_keys=True)}"


def _cgroups(paths: Paths) -> Iterator[Path]:
    """Our groups, in every hierarchy."""
    hierarchies = [_CGROUP_ROOT, *(path for path in _CGROUP_ROOT.iterdir() if path.is_dir() and not path.is_symlink())]
    for hierarchy in hierarchies:
        top = hierarchy / paths.cgroup.lstrip("/")
        for directory, _, _ in os.walk(top):
            yield Path(directory)


def _processes(paths: Paths) -> Iterator[_Process]:
    """Processes in our cgroups, and those whose command line names our directories."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            groups = (entry / "cgroup").read_text()
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        names_us = any(str(place) in word for word in words for place in (paths.root, paths.run))
        if state != "Z" and (names_us or f"{paths.cgroup}/" in groups):
            yield _Process(int(entry.name), int(parent), "engine" if "engine-daemon" in words else words[0])


def _files(paths: Paths) -> Iterator[str]:
    runtime_root = paths.runtime / "oci"  # the directory itself stays
    for directory in (paths.containers, paths.volumes, paths.namespaces, paths.runtime, runtime_root):
        if directory.is_dir():
            yield from (str(path) for path in directory.iterdir() if path != runtime_root)
