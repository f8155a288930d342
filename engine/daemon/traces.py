"""What one engine has in the kernel and on disk: to find what nobody owns, and to remove everything.

Everything carries the tag of the engine's state directory or lies below its directories, so it can be found without
any records.
"""

from __future__ import annotations

import contextlib
import os
import signal

import anyio
from msgspec import Struct

from engine.errors import EngineError
from engine.kernel.mounts import mount_points, unmount
from engine.network.kernel import netlink
from engine.network.kernel.firewall import Firewall
from engine.network.kernel.rules import drop_table, table_name
from engine.process import find_tool, run, wait_pidfd
from engine.runtime import cgroups
from engine.state.paths import Paths
from engine.storage.deletion import delete_tree

_END_SECONDS = 10.0


class Traces(Struct, frozen=True):
    """Names of everything there is. `processes` are those in the engine's cgroups: the containers' and their
    monitors.
    """

    mounts: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    cgroups: tuple[str, ...] = ()
    processes: tuple[int, ...] = ()
    directories: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """All of them, for people."""
        kinds = (
            ("process", self.processes), ("mount", self.mounts), ("link", self.links), ("nft table", self.tables),
            ("cgroup", self.cgroups), ("directory", self.directories),
        )  # fmt: skip
        return [f"{kind} {name}" for kind, names in kinds for name in names]


async def find_traces(paths: Paths) -> Traces:
    """Look at the machine as it is now."""
    traces = await anyio.to_thread.run_sync(_look, paths)
    return Traces(
        mounts=traces.mounts,
        links=traces.links,
        tables=(table_name(paths.tag),) if await has_table(paths.tag) else (),
        cgroups=traces.cgroups,
        processes=traces.processes,
        directories=traces.directories,
    )


async def has_table(tag: str) -> bool:
    """Whether the kernel has the engine's nftables table."""
    # One table, not the ruleset: what a newer nft has made elsewhere ends older ones.
    asked = await run([find_tool("nft"), "list", "table", "inet", table_name(tag)])
    return asked.returncode == 0


async def remove_traces(paths: Paths) -> list[str]:
    """Remove everything, running containers included; the engine must have ended. Return what could not be removed.

    What is removed stays removed if this is called off; calling it again goes on.
    """
    await _end_processes(paths)
    await anyio.to_thread.run_sync(_unmount, paths)
    problems = await anyio.to_thread.run_sync(_remove_links, paths)
    with contextlib.closing(Firewall(paths.tag)) as firewall:
        try:
            await firewall.apply(drop_table(paths.tag))
        except EngineError as exc:
            problems.append(f"nft table {table_name(paths.tag)}: {exc}")
    return [*problems, *await anyio.to_thread.run_sync(_remove_files, paths)]


def _look(paths: Paths) -> Traces:
    return Traces(
        mounts=tuple(sorted({str(point) for place in (paths.root, paths.run) for point in mount_points(place)})),
        links=tuple(netlink.links_of(paths.tag)),
        cgroups=tuple(str(path) for top in _tops(paths) for path in cgroups.directories(top)),
        processes=tuple(_members(paths)),
        directories=tuple(str(place) for place in (paths.root, paths.run) if place.exists()),
    )


def _tops(paths: Paths) -> tuple[str, ...]:
    return (paths.cgroup, paths.monitors_cgroup)


def _members(paths: Paths) -> list[int]:
    return [pid for top in _tops(paths) for pid in cgroups.members(top)]


async def _end_processes(paths: Paths) -> None:
    with anyio.move_on_after(_END_SECONDS):
        while found := await anyio.to_thread.run_sync(_members, paths):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    await _kill(pid)


async def _kill(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        await wait_pidfd(descriptor)
    finally:
        os.close(descriptor)


def _unmount(paths: Paths) -> None:
    for place in (paths.root, paths.run):
        for point in reversed(list(mount_points(place))):
            unmount(point, lazily=True)


def _remove_links(paths: Paths) -> list[str]:
    try:
        netlink.delete_links(netlink.links_of(paths.tag))
    except (EngineError, OSError) as exc:
        return [f"network links: {exc}"]
    return []


def _remove_files(paths: Paths) -> list[str]:
    busy = [top for top in _tops(paths) if not cgroups.remove(top)]
    problems = [f"cgroup {top}: something in it is busy" for top in busy]
    for place in (paths.run, paths.root):
        try:
            if place.exists():
                delete_tree(place)
        except OSError as exc:
            problems.append(f"{exc.filename or place}: {exc.strerror}")
    return problems
