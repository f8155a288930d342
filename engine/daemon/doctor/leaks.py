"""What is in the kernel or on disk and belongs to no record, and records that belong to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct

from engine.daemon.doctor.finding import Finding, Verdict
from engine.kernel.mounts import mount_points
from engine.network.kernel import departing, netlink, route_socket
from engine.network.kernel.rules import table_name
from engine.runtime import cgroups
from engine.state.paths import Paths
from engine.state.store import peek
from engine.wire.typed import from_json

_HINT = "an engine removes them when it starts: restart it; `pycompose-engine uninstall --purge` removes everything"
_HINTS = {
    "container directories": "they keep what containers wrote whose records are lost, each below `upper`: save what "
    "you need, then remove them by hand",
}


class Owners(Struct, frozen=True):
    """The ids that the records have, and the containers among them that may hold something."""

    containers: frozenset[str]
    holding: frozenset[str]
    networks: frozenset[str]
    half_removed: tuple[str, ...] = ()


class _Record(msgspec.Struct):
    id: str
    status: str = ""
    holds: bool = False


async def leaks(paths: Paths, *, has_table: bool) -> list[Finding]:
    """Compare the kernel with the records. Changes nothing, and an engine may run meanwhile."""
    return await anyio.to_thread.run_sync(lambda: list(_compare(paths, has_table=has_table)))


def _compare(paths: Paths, *, has_table: bool) -> Iterator[Finding]:
    owners = read_owners(paths.database)
    if owners is None:
        owners = Owners(frozenset(), frozenset(), frozenset())
        yield Finding("records", Verdict.GOOD, f"none: no engine has worked in {paths.root} yet")
    else:
        yield Finding("records", Verdict.GOOD, f"{len(owners.containers)} containers, {len(owners.networks)} networks")
    kinds = {
        "mounts": _orphans(paths.containers, mount_points(paths.root), owners.holding),
        "network namespaces": _orphans(paths.namespaces, mount_points(paths.run), owners.holding),
        "cgroups": [name for name in sorted(cgroups.children(paths.cgroup)) if name not in owners.holding],
        "container directories": _orphans(paths.containers, _entries(paths.containers), owners.containers),
        "links": _links(paths, owners),
        "containers": list(owners.half_removed),
        "nft tables": [table_name(paths.tag)] if has_table and not owners.networks else [],
    }
    for kind, names in kinds.items():
        detail = f"{len(names)}: {', '.join(map(str, names[:3]))}" if names else "none"
        yield Finding(f"left-over {kind}", Verdict.WARN if names else Verdict.GOOD, detail, _HINTS.get(kind, _HINT))


def read_owners(database: Path) -> Owners | None:
    """The owners that the database knows, read beside a running engine; None if there is no database."""
    if not database.exists():
        return None
    kinds = ("container", "network")
    records = [(kind, record) for kind, body in peek(database) if kind in kinds and (record := _read(body))]
    containers = [record for kind, record in records if kind == "container"]
    return Owners(
        containers=frozenset(record.id for record in containers),
        holding=frozenset(record.id for record in containers if record.holds),
        networks=frozenset(record.id for kind, record in records if kind == "network"),
        half_removed=tuple(record.id[:12] for record in containers if record.status in ("removing", "dead")),
    )


def _read(body: bytes) -> _Record | None:
    """A record, or None for one that cannot be read: an engine says so when it starts."""
    try:
        return from_json(body, _Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _orphans(directory: Path, found: Iterator[Path], owners: frozenset[str]) -> list[str]:
    """The names directly below a directory that no owner has, of paths at or below it."""
    names = {path.relative_to(directory).parts[0] for path in found if directory in path.parents}
    return sorted(
        name for name in names if not any(owner.startswith(name) or name.startswith(owner) for owner in owners)
    )


def _entries(directory: Path) -> Iterator[Path]:
    return directory.iterdir() if directory.is_dir() else iter(())


def _links(paths: Paths, owners: Owners) -> list[str]:
    """Bridges of networks that are not there, and veths while no container holds anything."""
    bridge = f"pc{paths.tag}"
    known = {f"{bridge}{network[:8]}" for network in owners.networks}
    bridges = [name for name in netlink.links_of(paths.tag) if name.startswith(bridge) and name not in known]
    return bridges if owners.holding else [*bridges, *_veths(paths)]


def _veths(paths: Paths) -> list[str]:
    """Containers' links but for those that are just going: an engine lets go of them a little later."""
    links = {link.index: link for link in route_socket.every() if link.name.startswith(f"pcv{paths.tag}")}
    return sorted(link.name for link in departing.lasting(links).values()) if links else []
