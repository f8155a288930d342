"""The plan of `start`: containers as they are, each after what it depends on."""

from __future__ import annotations

from collections.abc import Sequence

from compose.model.project import Project
from compose.plan.actions import Awaited, StartContainer, WaitFor
from compose.plan.deciding.leftovers import tidied
from compose.plan.deciding.ordering import in_dependency_order
from compose.plan.observed import Observed, ObservedContainer
from compose.plan.steps import Plan, PlanBuilder


def plan_start(project: Project, containers: Sequence[ObservedContainer], *, wait: bool) -> Plan:
    """Start what does not run of `containers`; conditions of `depends_on` hold where the project is known."""
    builder = PlanBuilder()
    services: dict[str, list[ObservedContainer]] = {}
    present = tidied(project, Observed(tuple(containers))).observed.containers
    for item in sorted(present, key=lambda item: (item.service, item.number)):
        services.setdefault(item.service, []).append(item)
    dependencies = {name: items[0].depends_on for name, items in services.items()}
    starts: dict[str, list[int]] = {}
    for name in in_dependency_order(services, lambda name: dependencies.get(name, ())):
        if name not in services:
            continue
        todo = [item for item in services[name] if item.state not in ("running", "restarting")]
        before = _before(builder, project, name, services, starts) if todo else []
        starts[name] = [builder.add(StartContainer(item.name, name, "start"), before) for item in todo]
    if wait:
        for name, items in services.items():
            action = WaitFor(name, tuple(item.name for item in items), "running", "--wait")
            builder.add(action, starts.get(name, []))
    return Plan(tuple(builder.steps))


def _before(
    builder: PlanBuilder,
    project: Project,
    name: str,
    services: dict[str, list[ObservedContainer]],
    starts: dict[str, list[int]],
) -> list[int]:
    steps: list[int] = []
    wishes = project.services[name].depends_on if name in project.services else {}
    for other in services[name][0].depends_on:
        if other not in starts:
            continue
        wish = wishes.get(other)
        if wish is None or wish.condition == "service_started":
            steps += starts[other]
            continue
        names = tuple(item.name for item in services[other])
        condition: Awaited = "healthy" if wish.condition == "service_healthy" else "completed"
        action = WaitFor(other, names, condition, f"{name} depends on it", (name,), wish.required)
        steps.append(builder.add(action, starts[other]))
    return steps
