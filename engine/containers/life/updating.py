"""Changing a container's limits and restart policy: recorded, and at once if it lives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import anyio
import msgspec

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.life import restart
from engine.containers.life.lifecycle import Status
from engine.containers.making.checks.limits import settle_limits
from engine.errors import Conflict, EngineError
from engine.runtime.facts import host_facts
from engine.wire.containers import HostConfig

# A zero (or nothing) leaves the field as it is.
_FIELDS: Final = (
    "blkio_weight", "blkio_weight_device", "blkio_device_read_bps", "blkio_device_write_bps", "blkio_device_read_iops",
    "blkio_device_write_iops", "cpu_shares", "nano_cpus", "cpu_period", "cpu_quota", "cpu_realtime_period",
    "cpu_realtime_runtime", "cpuset_cpus", "cpuset_mems", "memory", "memory_swap", "memory_reservation",
)  # fmt: skip
_RIVALS: Final = (
    ("nano_cpus", "cpu_period", "Nano CPUs cannot be updated as CPU Period has already been set"),
    ("nano_cpus", "cpu_quota", "Nano CPUs cannot be updated as CPU Quota has already been set"),
    ("cpu_period", "nano_cpus", "CPU Period cannot be updated as NanoCPUs has already been set"),
    ("cpu_quota", "nano_cpus", "CPU Quota cannot be updated as NanoCPUs has already been set"),
)


class Updater:
    """Changes containers."""

    def __init__(self, drivers: Drivers, ledger: Ledger) -> None:
        self._drivers = drivers
        self._ledger = ledger

    async def update(self, container: Container, wish: HostConfig) -> Sequence[str]:
        """Change what `wish` sets; returns what the client has to be warned of.

        Raises `BadRequest` for an impossible wish, `Conflict` for one that does not go with what the container has,
        `RuntimeFailure` if the kernel refuses; nothing is changed then.
        """
        settled = settle_limits(wish, host_facts(), is_update=True)
        if wish.restart_policy.name:
            restart.check(wish.restart_policy, is_removed_at_exit=False)
        try:
            async with container.lock:
                await self._change(container, settled.host)
        except EngineError as exc:
            exc.message = f"Cannot update container {container.id}: {exc.message}"
            raise
        self._ledger.publish(container, "update")
        return settled.warnings

    async def _change(self, container: Container, wish: HostConfig) -> None:
        if container.status in (Status.REMOVING, Status.DEAD):
            raise Conflict('container is marked for removal and cannot be "update"')
        before = container.record.host_config
        after = updated(before, wish)
        await container.change(host_config=after)
        if not container.is_alive:
            return  # its next start takes them from the record
        try:
            await self._drivers.runtime.update(container.id, wish)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await container.change(host_config=before)
            raise


def updated(before: HostConfig, wish: HostConfig) -> HostConfig:
    """The configuration with the changes. Raises `Conflict` in Docker's words. Pure."""
    for wanted, has, words in _RIVALS:
        if getattr(wish, wanted) > 0 and getattr(before, has) > 0:
            raise Conflict(f"Conflicting options: {words}")
    if wish.memory > before.memory_swap and wish.memory and not wish.memory_swap:
        raise Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    changes: dict[str, Any] = {field: value for field in _FIELDS if (value := getattr(wish, field))}
    if wish.pids_limit is not None:
        changes["pids_limit"] = wish.pids_limit
    if wish.restart_policy.name:
        if before.auto_remove and wish.restart_policy.name != "no":
            raise Conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
        changes["restart_policy"] = wish.restart_policy
    return msgspec.structs.replace(before, **changes)
