"""The order of a `down` where programs provide services: what depends on such a service is gone before its program is
told to take it away, and what it depends on itself is there until that is done. docker compose does the same. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from compose.model.service import Service
from compose.plan.actions import RemoveContainer, RunProvider, StopContainer
from compose.plan.deciding.ordering import in_dependency_order
from compose.plan.observed import ObservedContainer
from compose.plan.steps import PlanBuilder


class Withdrawn(Struct):
    """The steps: stops and removals by the containers' ids, programs by services."""

    stops: dict[str, int] = {}
    removals: dict[str, int] = {}
    programs: dict[str, int] = {}


class Acts(Struct, frozen=True):
    """How a container is stopped, None if it need not be, and removed."""

    stop: Callable[[ObservedContainer], StopContainer | None]
    remove: Callable[[ObservedContainer], RemoveContainer]


def dependants_of(services: Mapping[str, Service], containers: Iterable[ObservedContainer]) -> dict[str, set[str]]:
    """Service -> those that depend on it, by the files and by what containers say of themselves."""
    found: dict[str, set[str]] = {}
    for name, service in services.items():
        for other in service.depends_on:
            found.setdefault(other, set()).add(name)
    for item in containers:
        for other in item.depends_on:
            found.setdefault(other, set()).add(item.service)
    return found


def withdraw(
    builder: PlanBuilder,
    dependants: Mapping[str, Collection[str]],
    containers: Sequence[ObservedContainer],
    provided: Mapping[str, Service],
    acts: Acts,
) -> Withdrawn:
    """Add the steps for these containers and for these services of programs."""
    done = Withdrawn()
    names = sorted({*provided, *dependants, *(item.service for item in containers)})
    ended: dict[str, list[int]] = {}
    gone: dict[str, list[int]] = {}
    for name in in_dependency_order(names, lambda name: dependants.get(name, ())):
        others = sorted(dependants.get(name, ()))
        # What has no container now hands on whom it would have waited for.
        ended[name] = [step for other in others for step in ended.get(other, ())]
        gone[name] = [step for other in others for step in gone.get(other, ())]
        if name in provided:
            done.programs[name] = builder.add(RunProvider(provided[name], "down", "down"), gone[name])
            ended[name] = gone[name] = [done.programs[name]]
        mine = [item for item in containers if item.service == name]
        for item in mine:
            stop = acts.stop(item)
            if stop:
                done.stops[item.id] = builder.add(stop, ended[name])
            after = [done.stops[item.id]] if stop else []
            done.removals[item.id] = builder.add(acts.remove(item), after)
        if mine:
            ended[name] = [done.stops[item.id] for item in mine if item.id in done.stops] or ended[name]
            gone[name] = [done.removals[item.id] for item in mine]
    return done
