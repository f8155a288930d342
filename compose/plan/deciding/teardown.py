"""The plans of `down`, `stop`, `kill` and `rm`: dependants before what they depend on, everything else at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from compose.model.project import Project
from compose.plan.actions import (
    KillContainer,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    StopContainer,
)
from compose.plan.deciding.ordering import in_dependency_order
from compose.plan.deciding.withdrawing import Acts, Withdrawn, dependants_of, withdraw
from compose.plan.images import image_id, image_of
from compose.plan.observed import Observed, ObservedContainer
from compose.plan.steps import Plan, PlanBuilder

_ALIVE = ("running", "restarting", "paused")


class DownOptions(Struct, frozen=True):
    """What `down` is asked to do; `images` is "", `local` (only built ones) or `all`."""

    services: frozenset[str] = frozenset()
    volumes: bool = False
    remove_orphans: bool = False
    images: str = ""
    timeout_seconds: int | None = None


def plan_down(name: str, project: Project | None, observed: Observed, options: DownOptions) -> Plan:
    """Stop and remove the containers of project `name`, its networks and, if asked, volumes and images.

    Without its files (`project` None) the labels of what exists tell what belongs to it.
    """
    containers, warnings = _down_containers(project, observed, options)
    builder = PlanBuilder()
    taken = _take_down(builder, project, containers, options)
    # Resources that containers of other services use stay without a word; otherwise it is tried, and told.
    left = [item for item in observed.containers if item.id not in taken.removals] if options.services else []
    _remove_networks(builder, name, project, observed, (containers, left, taken))
    _remove_resources(builder, name, project, observed, (containers, left, taken, options))
    return Plan(tuple(builder.steps), warnings=tuple(warnings))


def _take_down(
    builder: PlanBuilder, project: Project | None, containers: Sequence[ObservedContainer], options: DownOptions
) -> Withdrawn:
    """The containers and what programs provide, which hardly any project has."""
    services = project.services if project else {}
    provided = {
        name: service
        for name, service in services.items()
        if service.provider and (not options.services or name in options.services)
    }
    if provided:
        acts = Acts(
            lambda item: _stop(item, "down", options.timeout_seconds) if item.state in _ALIVE else None,
            lambda item: _removal(item, project, options),
        )
        return withdraw(builder, dependants_of(services, containers), _by_service(containers), provided, acts)
    stops = _add_stops(builder, containers, "down", options.timeout_seconds)
    removals = {
        item.id: builder.add(_removal(item, project, options), [stops[item.id]] if item.id in stops else [])
        for item in _by_service(containers)
    }
    return Withdrawn(stops, removals)


def _stop(item: ObservedContainer, because: str, timeout_seconds: int | None) -> StopContainer:
    return StopContainer(item.name, item.id, item.service, because, timeout_seconds)


def _removal(item: ObservedContainer, project: Project | None, options: DownOptions) -> RemoveContainer:
    names: tuple[str, ...] = ()
    if options.volumes and project:
        declared = {
            volume.name for volume in project.volumes.values()
        }  # somebody may have taken such a name for his own
        names = tuple(mount.name for mount in item.anonymous_volumes if mount.name not in declared)
    return RemoveContainer(item.name, item.id, "down", keep_volumes=not options.volumes, volumes=names)


def plan_stop(containers: Sequence[ObservedContainer], timeout_seconds: int | None, because: str = "stop") -> Plan:
    """Stop what runs of `containers`."""
    builder = PlanBuilder()
    _add_stops(builder, containers, because, timeout_seconds)
    return Plan(tuple(builder.steps))


def plan_kill(containers: Sequence[ObservedContainer], signal: str) -> Plan:
    """Send a signal to what runs of `containers`, all at once."""
    builder = PlanBuilder()
    for item in _by_service(containers):
        if item.state in _ALIVE:
            builder.add(KillContainer(item.name, item.id, "kill", signal))
    return Plan(tuple(builder.steps))


def plan_remove(containers: Sequence[ObservedContainer], *, stop: bool, volumes: bool) -> Plan:
    """Remove the stopped ones of `containers`; with `stop`, stop the others first and remove them too."""
    builder = PlanBuilder()
    stops = _add_stops(builder, containers, "rm --stop", None) if stop else {}
    for item in _by_service(containers):
        if item.state not in _ALIVE or item.id in stops:
            after = [stops[item.id]] if item.id in stops else []
            builder.add(RemoveContainer(item.name, item.id, "rm", keep_volumes=not volumes), after)
    return Plan(tuple(builder.steps))


def _down_containers(
    project: Project | None, observed: Observed, options: DownOptions
) -> tuple[list[ObservedContainer], list[str]]:
    """What goes: not the containers of `run` nor orphans, unless asked, nor what belongs to inactive profiles."""
    candidates = [item for item in observed.containers if options.remove_orphans or not item.is_one_off]
    if options.services:
        return [item for item in candidates if item.service in options.services], []
    if project is None:
        return candidates, []
    left = {item.id: item.name for item in observed.orphans({*project.services, *project.disabled})}
    warnings = []
    if left and not options.remove_orphans:
        names = ", ".join(left.values())
        warnings.append(f"found orphan containers ({names}) for this project; --remove-orphans cleans them up")
    return [
        item
        for item in candidates
        # Of an inactive profile what `run` has left goes: the profile's own containers may still be wanted.
        if item.is_one_off
        or item.service in project.services
        or (item.service not in project.disabled and options.remove_orphans)
    ], warnings


def _by_service(containers: Iterable[ObservedContainer]) -> list[ObservedContainer]:
    return sorted(containers, key=lambda item: (item.service, item.number, item.name))


def _add_stops(
    builder: PlanBuilder, containers: Sequence[ObservedContainer], because: str, timeout_seconds: int | None
) -> dict[str, int]:
    """One stop per living container, after those of its dependants; container id -> step."""
    alive = [item for item in _by_service(containers) if item.state in _ALIVE]
    services: dict[str, list[ObservedContainer]] = {}
    dependants: dict[str, set[str]] = {}
    for item in alive:
        services.setdefault(item.service, []).append(item)
        for name in item.depends_on:
            dependants.setdefault(name, set()).add(item.service)
    stops: dict[str, int] = {}
    for name in in_dependency_order(services, lambda name: dependants.get(name, set())):
        after = [
            stops[item.id]
            for other in sorted(dependants.get(name, set()))
            for item in services.get(other, [])
            if item.id in stops
        ]
        for item in services.get(name, []):
            stops[item.id] = builder.add(_stop(item, because, timeout_seconds), after)
    return stops


def _remove_networks(
    builder: PlanBuilder,
    name: str,
    project: Project | None,
    observed: Observed,
    users: tuple[list[ObservedContainer], list[ObservedContainer], Withdrawn],
) -> None:
    """A network goes once its containers (those that go, those that stay) have stopped: they need not be gone.

    Where a `down` is cut off then, the next one removes the containers, and the next `up` replaces them.
    """
    going, left, taken = users
    used = {network for item in left for network in item.networks}
    for network in sorted(observed.networks.values(), key=lambda item: item.name):
        if network.project == name and network.name not in used and not _is_external(project, network.name):
            users_of = [item for item in going if network.name in item.networks]
            after = [taken.stops[item.id] for item in users_of if item.id in taken.stops]
            builder.add(RemoveNetwork(network.name, "down"), [*after, *taken.programs.values()])


def _remove_resources(
    builder: PlanBuilder,
    name: str,
    project: Project | None,
    observed: Observed,
    users: tuple[list[ObservedContainer], list[ObservedContainer], Withdrawn, DownOptions],
) -> None:
    containers, left, taken, options = users
    removals, programs = taken.removals, taken.programs.values()
    used = {mount.name for item in left for mount in item.mounts}
    if options.volumes:
        for volume in sorted(observed.volumes.values(), key=lambda item: item.name):
            is_ours = volume.project == name and (project is None or volume.name in _own_volumes(project))
            if is_ours and volume.name not in used:
                after = [removals[item.id] for item in containers if volume.name in {m.name for m in item.mounts}]
                builder.add(RemoveVolume(volume.name, "down --volumes"), [*after, *programs])
    used_images = {item.image_id for item in left}
    for image in _images(project, observed, containers, options):
        if image_id(observed, image) in used_images:
            continue
        builder.add(RemoveImage(image, f"down --rmi {options.images}"), [*removals.values(), *programs])


def _is_external(project: Project | None, network: str) -> bool:
    return project is not None and any(item.external and item.name == network for item in project.networks.values())


def _own_volumes(project: Project) -> set[str]:
    return {volume.name for volume in project.volumes.values() if not volume.external}


def _images(
    project: Project | None, observed: Observed, containers: Sequence[ObservedContainer], options: DownOptions
) -> list[str]:
    if not options.images:
        return []
    if project is None:
        return sorted({item.image for item in containers}) if options.images == "all" else []
    chosen = [item for item in project.services.values() if options.images == "all" or (item.build and not item.image)]
    return sorted({image_of(project, item) for item in chosen if image_id(observed, image_of(project, item))})
