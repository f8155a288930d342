"""Follows what a project's containers use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial

import anyio
import anyio.abc
from msgspec import UNSET, UnsetType

from compose.apply.looking.observe import observe_containers
from compose.apply.parallel import all_of, unwrapped
from compose.apply.refusals import refusals
from compose.plan import labels
from compose.plan.observed import ObservedContainer
from compose.plan.usage import Usage
from engine.client import EngineClient
from engine.wire.stats import ContainerStats
from engine.wire.system import EventMessage

Wanted = Callable[[ObservedContainer], bool]


async def usage_now(engine: EngineClient, containers: list[ObservedContainer]) -> list[Usage]:
    """What each uses, measured over a second, all at the same time."""

    async def measured(item: ObservedContainer) -> Usage:
        with refusals(f"measuring container {item.name}", fine=(404,)):
            async with aclosing(engine.container_stats(item.id, stream=False)) as samples:
                async for sample in samples:
                    return usage_of(item, sample)
        return Usage(item.id, item.name)  # removed meanwhile

    return await all_of([partial(measured, item) for item in containers])


def usage_of(item: ObservedContainer, sample: ContainerStats) -> Usage:
    """Docker's numbers: the share of the processors since the sample before, and memory without the file cache."""
    memory = sample.memory_stats
    if memory.usage is UNSET:
        return Usage(item.id, item.name, is_known=True, is_over=True)
    cache = memory.stats if memory.stats is not UNSET else {}
    # The names of cgroup version 1 and 2.
    inactive = cache.get("total_inactive_file", cache.get("inactive_file", 0))
    links = (sample.networks or {}).values() if sample.networks is not UNSET else ()
    blocks = sample.blkio_stats.io_service_bytes_recursive or []
    return Usage(
        item.id,
        item.name,
        is_known=True,
        cpu_percent=_cpu_percent(sample),
        memory=memory.usage - inactive if inactive < memory.usage else memory.usage,
        memory_limit=_number(memory.limit),
        received=sum(link.rx_bytes for link in links),
        sent=sum(link.tx_bytes for link in links),
        read=sum(entry.value for entry in blocks if entry.op.lower() == "read"),
        written=sum(entry.value for entry in blocks if entry.op.lower() == "write"),
        pids=_number(sample.pids_stats.current),
    )


def _cpu_percent(sample: ContainerStats) -> float:
    now, before = sample.cpu_stats, sample.precpu_stats
    mine = now.cpu_usage.total_usage - before.cpu_usage.total_usage
    machine = _number(now.system_cpu_usage) - _number(before.system_cpu_usage)
    return mine / machine * _number(now.online_cpus) * 100 if mine > 0 and machine > 0 else 0.0


def _number(value: int | UnsetType) -> int:
    return 0 if value is UNSET else value


class UsageFollower:
    """Keeps what the containers of a project use, from one second to the next, also of those that start later."""

    def __init__(self, engine: EngineClient, project_name: str, wanted: Wanted, *, everything: bool) -> None:
        self._engine = engine
        self._project_name = project_name
        self._wanted = wanted
        self._everything = everything
        self._usages: dict[str, Usage] = {}
        self._changed = anyio.Event()

    @property
    def usages(self) -> list[Usage]:
        """What is known now, by name."""
        return sorted(self._usages.values(), key=lambda usage: usage.name)

    async def changed(self) -> None:
        """Wait until something is other than at the last call."""
        await self._changed.wait()
        self._changed = anyio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        filters = {"type": ["container"], "label": [f"{labels.PROJECT}={self._project_name}"]}
        with refusals("following the containers"), unwrapped():
            async with anyio.create_task_group() as tasks, self._engine.listening(filters=filters) as events:
                await self._look(tasks)
                self._changed.set()
                await self._follow(events, tasks)

    async def _follow(self, events: AsyncIterator[EventMessage], tasks: anyio.abc.TaskGroup) -> None:
        async for event in events:
            if event.action == "start" or (event.action == "create" and self._everything):
                await self._look(tasks)

    async def _look(self, tasks: anyio.abc.TaskGroup) -> None:
        for item in await observe_containers(self._engine, self._project_name, everything=self._everything):
            if item.id not in self._usages and self._wanted(item):
                self._usages[item.id] = Usage(item.id, item.name)
                tasks.start_soon(self._measure, item, name=f"stats of {item.name}")

    async def _measure(self, item: ObservedContainer) -> None:
        """One container's samples until it is gone, or has ended and those are not wanted."""
        with refusals(f"measuring container {item.name}", fine=(404,)):
            async with aclosing(self._engine.container_stats(item.id, stream=True)) as samples:
                async for sample in samples:
                    usage = usage_of(item, sample)
                    if usage.is_over and not self._everything:
                        break
                    self._usages[item.id] = usage
                    self._changed.set()
        del self._usages[item.id]
        self._changed.set()
