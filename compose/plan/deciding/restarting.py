"""The plan of `restart`: containers as they are, those that are restarted with others after them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from compose.model.project import Project
from compose.plan.actions import Awaited, RestartContainer, WaitFor
from compose.plan.deciding.leftovers import tidied
from compose.plan.deciding.ordering import in_dependency_order
from compose.plan.observed import Observed, ObservedContainer
from compose.plan.steps import Plan, PlanBuilder

_AWAITED: Mapping[str, Awaited] = {"service_healthy": "healthy", "service_completed_successfully": "completed"}


def dependants_to_restart(project: Project, services: Collection[str]) -> tuple[str, ...]:
    """The other services that depend on one of these with `restart: true`, and those that depend on them so."""
    found = set(services)
    while more := {
        service.name
        for service in project.services.values()
        if service.name not in found
        and any(name in found and wish.restart for name, wish in service.depends_on.items())
    }:
        found |= more
    return tuple(name for name in project.services if name in found and name not in services)


def plan_restart(project: Project, containers: Sequence[ObservedContainer], timeout_seconds: int | None = None) -> Plan:
    """Restart these, whatever their state: what depends on another with `restart: true` after it is as awaited.

    Without its files (a bare `project`) all that the labels name counts.
    """
    builder = PlanBuilder()
    services: dict[str, list[ObservedContainer]] = {}
    for item in tidied(project, Observed(tuple(containers))).observed.containers:
        services.setdefault(item.service, []).append(item)
    done: dict[str, list[int]] = {}
    for name in in_dependency_order(services, lambda name: _before(project, services, name)):
        after = [
            step
            for other in _before(project, services, name)
            if other in done
            for step in _awaited(builder, project, name, services[other], done[other])
        ]
        done[name] = [
            builder.add(RestartContainer(item.name, item.id, name, "restart", timeout_seconds), after)
            for item in services[name]
        ]
    return Plan(tuple(builder.steps))


def _before(project: Project, services: Mapping[str, list[ObservedContainer]], name: str) -> list[str]:
    """The services among these that a service is restarted after."""
    if known := project.services.get(name):
        return [other for other, wish in known.depends_on.items() if wish.restart and other in services]
    return [other for item in services[name][:1] for other in item.depends_on if other in services]


def _awaited(
    builder: PlanBuilder, project: Project, name: str, items: Sequence[ObservedContainer], restarts: list[int]
) -> list[int]:
    """The steps after which a dependency is as `name` needs it: its restarts, or a wait after them."""
    other = items[0].service
    wish = project.services[name].depends_on.get(other) if name in project.services else None
    condition = _AWAITED.get(wish.condition) if wish else None
    if wish is None or condition is None:
        return restarts
    names = tuple(item.name for item in items)
    wait = WaitFor(other, names, condition, f"{name} depends on it", (name,), wish.required)
    return [builder.add(wait, restarts)]
