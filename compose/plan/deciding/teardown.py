"""The plans of `down`, `stop`, `kill` and `rm`: dependants before what they depend on, everything else at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from compose.model.project import Project
from compose.plan.actions import (
    KillContainer,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RunProvider,
    StopContainer,
)
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
    stops = _add_stops(builder, containers, "down", options.timeout_seconds)
    removals = {
        item.id: builder.add(
            _removal(item, project, options),
            [stops[item.id]] if item.id in stops else [],
        )
        for item in _by_service(containers)
    }
    _take_away(builder, project, options, containers, removals)
    # Resources that containers of other services use stay without a word; otherwise it is tried, and told.
    left = [item for item in observed.containers if item.id not in removals] if options.services else []
    _remove_networks(builder, name, project, observed, (containers, left, stops))
    _remove_resources(builder, name, project, observed, (containers, left, removals, options))
    return Plan(tuple(builder.steps), warnings=tuple(warnings))


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


def in_dependency_order(
    names: Iterable[str], dependencies: Callable[[str], Iterable[str]], *, seen: set[str] | None = None
) -> list[str]:
    """The names, each after all that it depends on. Labels may lie: a cycle is cut where it closes."""
    done: list[str] = []
    known = seen if seen is not None else set()

    def visit(name: str) -> None:
        if name in known:
            return
        known.add(name)
        for other in sorted(dependencies(name)):
            visit(other)
        done.append(name)

    for name in names:
        visit(name)
    return done


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
            action = StopContainer(item.name, item.id, name, because, timeout_seconds)
            stops[item.id] = builder.add(action, after)
    return stops


def _take_away(
    builder: PlanBuilder,
    project: Project | None,
    options: DownOptions,
    containers: Sequence[ObservedContainer],
    removals: dict[str, int],
) -> None:
    """Have what programs provide taken away, after the containers that depend on it."""
    services = project.services if project else {}
    for name, service in services.items():
        if service.provider and (not options.services or name in options.services):
            dependants = {other for other, needs in services.items() if name in needs.depends_on}
            after = [removals[item.id] for item in containers if item.service in dependants or name in item.depends_on]
            builder.add(RunProvider(service, "down", "down"), after)


def _remove_networks(
    builder: PlanBuilder,
    name: str,
    project: Project | None,
    observed: Observed,
    users: tuple[list[ObservedContainer], list[ObservedContainer], dict[str, int]],
) -> None:
    """A network goes once its containers (those that go, those that stay) have stopped: they need not be gone.

    Where a `down` is cut off then, the next one removes the containers, and the next `up` replaces them.
    """
    going, left, stops = users
    used = {network for item in left for network in item.networks}
    for network in sorted(observed.networks.values(), key=lambda item: item.name):
        if network.project == name and network.name not in used and not _is_external(project, network.name):
            after = [stops[item.id] for item in going if network.name in item.networks and item.id in stops]
            builder.add(RemoveNetwork(network.name, "down"), after)


def _remove_resources(
    builder: PlanBuilder,
    name: str,
    project: Project | None,
    observed: Observed,
    users: tuple[list[ObservedContainer], list[ObservedContainer], dict[str, int], DownOptions],
) -> None:
    containers, left, removals, options = users
    used = {mount.name for item in left for mount in item.mounts}
    if options.volumes:
        for volume in sorted(observed.volumes.values(), key=lambda item: item.name):
            is_ours = volume.project == name and (project is None or volume.name in _own_volumes(project))
            if is_ours and volume.name not in used:
                after = [removals[item.id] for item in containers if volume.name in {m.name for m in item.mounts}]
                builder.add(RemoveVolume(volume.name, "down --volumes"), after)
    used_images = {item.image_id for item in left}
    for image in _images(project, observed, containers, options):
        if image_id(observed, image) in used_images:
            continue
        builder.add(RemoveImage(image, f"down --rmi {options.images}"), list(removals.values()))


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
