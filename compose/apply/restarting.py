"""Stopping and starting containers as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.model.project import Project
from compose.plan.observed import ObservedContainer
from compose.plan.progress import Phase, Report, Update
from engine.client import EngineClient


def dependants_to_restart(project: Project, services: Collection[str]) -> tuple[str, ...]:
    """The other services that depend on one of these with `restart: true`."""
    return tuple(
        service.name
        for service in project.services.values()
        if service.name not in services
        and any(name in services and wish.restart for name, wish in service.depends_on.items())
    )


async def restart(
    engine: EngineClient, containers: Iterable[ObservedContainer], report: Report, *, timeout_seconds: int | None = None
) -> None:
    """Restart all of them at once. Raises `EngineRefused`."""

    async def one(item: ObservedContainer) -> None:
        name = f"Container {item.name}"
        report(Update(name, "Restarting", Phase.WORKING))
        with refusals(f"restarting container {item.name}"):
            async with engine.turn():
                await engine.restart_container(item.id, timeout_seconds=timeout_seconds)
        report(Update(name, "Started"))

    await all_of([partial(one, item) for item in containers])
