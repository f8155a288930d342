"""A network service in the real kernel, in directories of its own, and proof that nothing of it is left."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from engine.events.bus import EventBus
from engine.network.planning.ipam import DEFAULT_POOLS, Pool
from engine.network.service import NetworkService
from engine.state.paths import Paths
from engine.state.store import Store


def traces(paths: Paths) -> list[str]:
    """What the kernel still has of an engine: links, nft rules, mounts, namespace files."""
    # One table, not the ruleset: sets that a newer nft has made elsewhere end Debian 12's nft.
    show = ["nft", "list", "table", "inet", f"pycompose_{paths.tag}"]
    rules = subprocess.run(show, check=False, capture_output=True, text=True).stdout
    mounts = Path("/proc/self/mountinfo").read_text()
    found = [
        entry.name
        for entry in Path("/sys/class/net").iterdir()
        if entry.name.startswith((f"pc{paths.tag}", f"pcv{paths.tag}"))
    ]
    found += [line for line in rules.splitlines() if f"pycompose_{paths.tag}" in line or f"pc{paths.tag}" in line]
    found += [line for line in mounts.splitlines() if str(paths.run) in line]
    return found + [str(path) for path in paths.namespaces.iterdir()]


@asynccontextmanager
async def running(
    paths: Paths, *, linger_seconds: float = 0.0, pools: Sequence[Pool] = DEFAULT_POOLS
) -> AsyncIterator[NetworkService]:
    """An engine's network service; containers keep their networks when it ends."""
    store = Store.open(paths.database)
    service = NetworkService(paths, store, EventBus(), pools=pools, linger_seconds=linger_seconds)
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(lambda *, task_status: service.run(task_status=task_status))
            yield service
            tasks.cancel_scope.cancel()
    finally:
        store.close()


async def sweep(paths: Paths) -> None:
    """Remove whatever a failed test left."""
    async with running(paths) as service:
        for container in paths.namespaces.iterdir():
            await service.close_sandbox(container.name)
        await service.prune(lambda _record: True)
