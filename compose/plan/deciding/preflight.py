"""What would fail for sure if a plan were carried out, found before anything is changed. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from compose.model.paths import Path
from compose.model.project import Project
from compose.plan.actions import (
    CreateContainer,
    CreateNetwork,
    RemoveContainer,
    RemoveNetwork,
    StartContainer,
    StopContainer,
)
from compose.plan.steps import Plan

_EVERYWHERE = ("", "0.0.0.0", "::")
_Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


class PublishedPort(Struct, frozen=True):
    """A port of the host and the container that has it, or is going to have it."""

    container: str
    number: int
    protocol: str = "tcp"
    address: str = ""
    container_id: str = ""
    subject: Path = ()

    def excludes(self, other: PublishedPort) -> bool:
        """Whether both cannot be published at the same time."""
        if (self.number, self.protocol) != (other.number, other.protocol):
            return False
        return self.address == other.address or self.address in _EVERYWHERE or other.address in _EVERYWHERE

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        where = f"{host}:" if self.address not in _EVERYWHERE else ""
        return f"{where}{self.number}/{self.protocol}"


class Conflict(Struct, frozen=True):
    """One thing that cannot be, and the part of the files that asks for it."""

    message: str
    hint: str
    subject: Path


class Surroundings(Struct, frozen=True):
    """What there is besides the project: ports that running containers publish, subnets of networks by their names,
    ids of containers by theirs, those `wished_ports` that something else on the host has, and ids of the project's own
    containers by service, of which those that the plan does not know are just made by another command."""

    published: Sequence[PublishedPort] = ()
    subnets: Mapping[str, Sequence[str]] = {}
    names: Mapping[str, str] = {}
    occupied: Collection[tuple[PublishedPort, str]] = ()
    own: Collection[tuple[str, str]] = ()


def conflicts(project: Project, plan: Plan, around: Surroundings) -> list[Conflict]:
    """What cannot be, given what there is besides."""
    ports = _ports(project, plan, around.published)
    return [*ports, *occupied(around.occupied), *_subnets(plan, around.subnets), *_names(plan, around)]


def wished_ports(project: Project, plan: Plan, published: Iterable[PublishedPort]) -> list[PublishedPort]:
    """The ports that a plan publishes and no container has."""
    held = list(published)
    return [wish for wish in _wishes(project, plan) if not any(port.excludes(wish) for port in held)]


def occupied(ports: Iterable[tuple[PublishedPort, str]]) -> Iterator[Conflict]:
    """The ports that programs of the host have, each with the program's name."""
    for port, owner in ports:
        yield Conflict(
            f"port {port} of container {port.container} is in use on this host, by {owner or 'no container'}",
            f"`ss -lnp 'sport = :{port.number}'` shows by what; end it, or publish another port",
            port.subject,
        )


def _names(plan: Plan, around: Surroundings) -> Iterator[Conflict]:
    actions = [step.action for step in plan.steps]
    going = {action.container_id for action in actions if isinstance(action, RemoveContainer)}
    for action in actions:
        if not isinstance(action, CreateContainer):
            continue
        holder = around.names.get(action.final_name, "")
        if holder in {"", *going}:
            continue
        if not action.slug and (action.service.name, holder) in around.own:
            yield Conflict(
                f"container {action.final_name} is just being made by another command",
                "wait until that is done, and try again",
                _name_subject(action),
            )
        else:
            yield Conflict(
                f"the name {action.final_name} is that of another container",
                f"remove it with `pycompose engine rm -f {action.final_name}`, or choose another name",
                _name_subject(action),
            )


def _name_subject(action: CreateContainer) -> Path:
    if action.slug:
        return ()  # the name of a one-off container is in no file
    service = action.service
    return ("services", service.name, "container_name") if service.container_name else ("services", service.name)


def _ports(project: Project, plan: Plan, published: Iterable[PublishedPort]) -> Iterator[Conflict]:
    actions = [step.action for step in plan.steps]
    ending = {action.container_id for action in actions if isinstance(action, StopContainer | RemoveContainer)}
    held = [port for port in published if port.container_id not in ending]
    yield from clashes(_wishes(project, plan), held)


def clashes(wishes: Iterable[PublishedPort], published: Iterable[PublishedPort]) -> Iterator[Conflict]:
    """The wishes for ports that others have, or want as well."""
    held = list(published)
    for wish in wishes:
        owner = next((port for port in held if port.excludes(wish) and not _is_its_own(port, wish)), None)
        if owner is None:
            held.append(wish)
        elif owner.container == wish.container:
            yield Conflict(
                f"container {wish.container} wants port {wish} twice",
                "publish another port for one of them",
                wish.subject,
            )
        elif owner.container_id:
            yield Conflict(
                f"port {wish} of container {wish.container} is published by container {owner.container}",
                f"stop {owner.container}, or publish another port",
                wish.subject,
            )
        else:
            yield Conflict(
                f"port {wish} of container {wish.container} is also wanted by container {owner.container}",
                "publish another port for one of them",
                wish.subject,
            )


def _is_its_own(port: PublishedPort, wish: PublishedPort) -> bool:
    """Whether the wish is of the container that has the port already."""
    return bool(port.container_id) and port.container == wish.container


def _wishes(project: Project, plan: Plan) -> Iterator[PublishedPort]:
    """The fixed ports of what is started; of a range, or without a number, the engine takes one that is free."""
    actions = [step.action for step in plan.steps]
    made = {action.final_name: action for action in actions if isinstance(action, CreateContainer)}
    for action in actions:
        if not isinstance(action, StartContainer):
            continue
        creation = made.get(action.container)
        service = creation.service if creation else project.services.get(action.service)
        is_one_off = creation is not None and bool(creation.slug)  # its ports may be those of the command line
        for index, port in enumerate(service.ports if service else ()):
            if port.published.isdecimal() and int(port.published):
                subject: Path = () if is_one_off else ("services", action.service, "ports", index)
                number = int(port.published)
                yield PublishedPort(action.container, number, port.protocol, port.host_ip, subject=subject)


def _subnets(plan: Plan, subnets: Mapping[str, Sequence[str]]) -> Iterator[Conflict]:
    going = {step.action.name for step in plan.steps if isinstance(step.action, RemoveNetwork)}
    held = [(name, _subnet(text)) for name, texts in subnets.items() if name not in going for text in texts]
    for step in plan.steps:
        if not isinstance(step.action, CreateNetwork):
            continue
        network = step.action.network
        for index, pool in enumerate(network.ipam.config):
            wanted = _subnet(pool.subnet)
            if wanted is None:
                continue
            owner = next((name for name, other in held if _overlap(wanted, other)), "")
            if owner:
                yield Conflict(
                    f"subnet {pool.subnet} of network {network.name} overlaps with that of network {owner}",
                    "give it another subnet, or remove the other network",
                    ("networks", network.key, "ipam", "config", index, "subnet"),
                )
            held.append((network.name, wanted))


def _subnet(text: str) -> _Subnet | None:
    """A subnet; None for what is none, which the engine refuses in its own words."""
    try:
        return ipaddress.ip_network(text, strict=False) if text else None
    except ValueError:
        return None


def _overlap(one: _Subnet, other: _Subnet | None) -> bool:
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return one.overlaps(other)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return one.overlaps(other)
    return False
