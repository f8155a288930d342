"""Finds out what a plan would fail of, before anything of it is done, and tells all of it at once."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec import UNSET

from compose.apply.locality import shares
from compose.apply.looking.standing import bind_sources, fixed_places, fixed_ports, lost_networks
from compose.apply.parallel import all_of, unwrapped
from compose.apply.refusals import refusals
from compose.apply.requests.mounts import inline_files, service_mounts
from compose.errors import ComposeError, raise_all
from compose.model.project import Project
from compose.plan import labels
from compose.plan.actions import BuildImage, CreateContainer, CreateNetwork, PullImage, StartContainer
from compose.plan.deciding.addressing import Place, same_places, taken_twice, wished_places
from compose.plan.deciding.foresight import Foresight
from compose.plan.deciding.preflight import (
    Conflict,
    PublishedPort,
    Surroundings,
    clashes,
    conflicts,
    occupied,
    wished_ports,
)
from compose.plan.labels import ONE_OFF, PROJECT, SERVICE
from compose.plan.materials import Material, materials
from compose.plan.steps import Plan
from engine.kernel.sockets import owner_of
from engine.wire.summaries import ContainerSummary

if TYPE_CHECKING:
    from engine.client import EngineClient
    from engine.client.nouns import EngineCalls

# Less room than this, and the engine cannot even write down what it makes.
_LEAST_BYTES = 16 * 1024 * 1024


async def preflight(engine: EngineCalls, project: Project, foresight: Foresight) -> None:
    """Raise everything at once that is sure to fail: one `ComposeError`, or an `ExceptionGroup` of several."""
    raise_all(await troubles(engine, project, foresight))


async def troubles(engine: EngineCalls, project: Project, foresight: Foresight) -> list[ComposeError]:
    """Everything that is sure to fail. What only the engine's host can tell is looked at where that is this one."""
    problems = list(foresight.problems)
    for plan in foresight.plans:
        if plan:
            problems += await _problems(engine, project, plan)
    return problems


async def preflight_of_start(engine: EngineClient, plan: Plan) -> None:
    """The same for a plan that starts containers as they are: they know what they publish, mount and are on."""
    names = [step.action.container for step in plan.steps if isinstance(step.action, StartContainer)]
    with refusals("looking for conflicts"):
        inspected = await all_of([partial(engine.inspect_container, name) for name in names])
        standing = [(item.name.removeprefix("/"), item.host_config) for item in inspected]
        wishes = [wish for name, config in standing for wish in fixed_ports(name, config)]
        fixed = [place for item in inspected for place in fixed_places(item)]
        listed = await engine.list_containers() if wishes or fixed else []
        places = {item.name.removeprefix("/"): item.network_settings.networks for item in inspected}
        networks = await engine.list_networks() if any(places.values()) else []
    published = [port for item in listed for port in _published(item)]
    free = [wish for wish in wishes if not any(port.excludes(wish) for port in published)]
    sources = [source for name, config in standing for source in bind_sources(name, config)]
    known = {word for network in networks for word in (network.name, network.id)}
    found: list[Material | Conflict] = [
        *lost_networks(places, known),
        *await engine.aside(_missing, engine.address, sources),
        *clashes(wishes, published),
        *same_places(fixed, [place for item in listed for place in _places("", item)]),
        *occupied(await engine.aside(_occupied, engine.address, free)),
    ]
    raise_all([_error(item) for item in found])


def _error(item: Material | Conflict) -> ComposeError:
    return ComposeError(item.message, hint=item.hint, subject=item.subject)


async def _problems(engine: EngineCalls, project: Project, plan: Plan) -> list[ComposeError]:
    containers: list[ContainerSummary] = []
    subnets: dict[str, list[str]] = {}
    missing: list[Material] = []
    room: list[ComposeError] = []

    async def look_at_containers() -> None:
        containers.extend(await engine.list_containers(everything=True))

    async def look_at_subnets() -> None:
        for network in await engine.list_networks():
            subnets[network.name] = [pool.subnet for pool in network.ipam.config or ()]

    async def look_at_disk() -> None:
        missing.extend(await engine.aside(_missing, engine.address, list(materials(project, plan))))

    async def look_at_room() -> None:
        room.extend(await _no_room(engine))

    looks = [look_at_disk]
    if _publishes(project, plan) or _makes(plan, CreateContainer) or wished_places(project, plan):
        looks.append(look_at_containers)
    if any(isinstance(step.action, CreateNetwork) and step.action.network.ipam.config for step in plan.steps):
        looks.append(look_at_subnets)
    if _makes(plan, PullImage, BuildImage, CreateContainer):
        looks.append(look_at_room)
    with refusals("looking for conflicts"), unwrapped():
        async with engine.tasks() as tasks:
            for look in looks:
                tasks.start_soon(look)
    published = [port for item in containers for port in _published(item)]
    wishes = wished_ports(project, plan, published)
    around = Surroundings(
        published,
        subnets,
        {name.removeprefix("/"): item.id for item in containers for name in item.names},
        await engine.aside(_occupied, engine.address, wishes) if wishes else (),
        [(item.labels.get(SERVICE, ""), item.id) for item in containers if _is_replica(project, item)],
    )
    places = [place for item in containers for place in _places(project.name, item)]
    found: list[Material | Conflict] = [
        *missing,
        *conflicts(project, plan, around),
        *taken_twice(project, plan, places),
    ]
    return [*map(_error, found), *_contents(project, plan), *room]


def _contents(project: Project, plan: Plan) -> Iterator[ComposeError]:
    """What is wrong with configs and secrets that are not files."""
    actions = [step.action for step in plan.steps]
    services = {item.service.name: item.service for item in actions if isinstance(item, CreateContainer)}
    told: set[str] = set()
    for service in services.values():
        try:
            service_mounts(project, service, ())
            inline_files(project, service)
        except ComposeError as exc:
            if exc.message not in told:
                yield exc
            told.add(exc.message)


def _missing(address: str, wanted: Sequence[Material]) -> list[Material]:
    is_here = any(item.host == "engine" for item in wanted) and shares(address, "mnt")
    looked_at = [item for item in wanted if item.host == "client" or is_here]
    gone = [item for item in looked_at if not os.path.lexists(item.path)]
    # Where there is no directory, there are no files in it, which goes without saying.
    return [item for item in gone if not any(item.path.startswith(f"{other.path}/") for other in gone)]


def _occupied(address: str, wishes: Iterable[PublishedPort]) -> list[tuple[PublishedPort, str]]:
    """The ports that others have, with the program that does, "" where it cannot be seen."""
    taken = [wish for wish in wishes if _is_occupied(wish)] if shares(address, "net") else []
    return [(wish, owner_of(wish.protocol, wish.number) or "") for wish in taken]


def _is_occupied(wish: PublishedPort) -> bool:
    """Whether the port cannot be bound, for no other reason than that somebody has it."""
    family = socket.AF_INET6 if ":" in wish.address else socket.AF_INET
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}.get(wish.protocol)
    if kind is None:
        return False
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not count
            probe.bind((wish.address, wish.number))
    except OSError as exc:
        return exc.errno == errno.EADDRINUSE
    return False


async def _no_room(engine: EngineCalls) -> list[ComposeError]:
    info = await engine.info()
    free = await engine.aside(_free_bytes, engine.address, info.docker_root_dir)
    if free is None or free >= _LEAST_BYTES:
        return []
    message = f"the disk of the engine is full: {info.docker_root_dir} has {free // 1024} KiB left"
    hint = "`pycompose engine prune` removes what nobody uses, `pycompose engine df` tells what takes the room"
    return [ComposeError(message, hint=hint)]


def _free_bytes(address: str, directory: str) -> int | None:
    try:
        if not directory or not shares(address, "mnt"):
            return None
        disk = os.statvfs(directory)
    except OSError:
        return None  # not ours to look at
    return disk.f_bavail * disk.f_frsize


def _is_replica(project: Project, item: ContainerSummary) -> bool:
    return item.labels.get(PROJECT) == project.name and item.labels.get(ONE_OFF) != "True"


def _makes(plan: Plan, *acts: type) -> bool:
    return any(isinstance(step.action, acts) for step in plan.steps)


def _publishes(project: Project, plan: Plan) -> bool:
    services = {step.action.service for step in plan.steps if isinstance(step.action, StartContainer)}
    return any(project.services[name].ports for name in services if name in project.services)


def _places(project: str, summary: ContainerSummary) -> Iterator[Place]:
    """The addresses that a container has, if it runs, with its service if it is of this project."""
    is_ours = project and summary.labels.get(labels.PROJECT) == project
    service = summary.labels.get(labels.SERVICE, "") if is_ours else ""
    for network, place in summary.network_settings.networks.items():
        for address in filter(None, (place.ip_address, place.global_ipv6_address)):
            yield Place(_name(summary), network, address, summary.id, service)


def _name(summary: ContainerSummary) -> str:
    return summary.names[0].removeprefix("/") if summary.names else summary.id[:12]


def _published(summary: ContainerSummary) -> Iterable[PublishedPort]:
    name = _name(summary)
    for port in summary.ports:
        if port.public_port is not UNSET:
            address = "" if port.ip is UNSET else port.ip
            yield PublishedPort(name, port.public_port, port.type, address, summary.id)
