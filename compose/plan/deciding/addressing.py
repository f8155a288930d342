"""Fixed addresses that two containers of one network would have at the same time. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from msgspec import Struct

from compose.model.paths import Path
from compose.model.project import Project
from compose.model.service import Service
from compose.plan.actions import CreateContainer, CreateNetwork, RemoveContainer, StartContainer, StopContainer
from compose.plan.deciding.preflight import Conflict
from compose.plan.steps import Plan


class Place(Struct, frozen=True):
    """An address in a network (by its name), and the container that has it, or is going to have it.

    One without a `container_id` is a wish, and `subject` is who wishes it in the files.
    """

    container: str
    network: str
    address: str
    container_id: str = ""
    service: str = ""
    subject: Path = ()

    def excludes(self, other: Place) -> bool:
        """Whether both cannot be had at the same time. What is no address is the engine's to refuse."""
        if self.network != other.network:
            return False
        try:
            return ipaddress.ip_address(self.address) == ipaddress.ip_address(other.address)
        except ValueError:
            return False


def wished_places(project: Project, plan: Plan) -> list[Place]:
    """The fixed addresses of what a plan starts. A link-local one says nothing about others."""
    actions = [step.action for step in plan.steps]
    made = {action.final_name: action for action in actions if isinstance(action, CreateContainer)}
    found: list[Place] = []
    for action in actions:
        if isinstance(action, StartContainer):
            creation = made.get(action.container)
            service = creation.service if creation else project.services.get(action.service)
            found += _wishes(project, service, action.container) if service else ()
    return found


def taken_twice(project: Project, plan: Plan, standing: Iterable[Place]) -> list[Conflict]:
    """The wishes for addresses that containers which are there and stay have, or that others wish for as well."""
    actions = [step.action for step in plan.steps]
    ending = {action.container_id for action in actions if isinstance(action, StopContainer | RemoveContainer)}
    anew = {action.network.name for action in actions if isinstance(action, CreateNetwork)}
    held = [place for place in standing if place.container_id not in ending and place.network not in anew]
    return list(same_places(wished_places(project, plan), held, partial(_takes_turns, project)))


def same_places(
    wishes: Iterable[Place],
    standing: Iterable[Place],
    takes_turns: Callable[[str, str], bool] = lambda _one, _other: False,
) -> Iterator[Conflict]:
    """The wishes for addresses that others have, or wish for as well. Services that take turns do not mind that."""
    held = list(standing)
    for wish in wishes:
        in_the_way = (place for place in held if place.container != wish.container and place.excludes(wish))
        owner = next(
            (place for place in in_the_way if place.container_id or not takes_turns(place.service, wish.service)), None
        )
        if owner is None:
            held.append(wish)
        else:
            yield _conflict(wish, owner)


def _wishes(project: Project, service: Service, container: str) -> Iterator[Place]:
    for key, wish in service.networks.items():
        network = project.networks.get(key)
        for attribute, address in (("ipv4_address", wish.ipv4_address), ("ipv6_address", wish.ipv6_address)):
            if network and address:
                subject: Path = ("services", service.name, "networks", key, attribute)
                yield Place(container, network.name, address, service=service.name, subject=subject)


def _takes_turns(project: Project, one: str, other: str) -> bool:
    """Whether one of the services begins when the other has ended: they never run side by side."""
    return _is_over_before(project, one, other) or _is_over_before(project, other, one)


def _is_over_before(project: Project, first: str, then: str) -> bool:
    seen: set[str] = set()
    waiting = [then]
    while waiting:
        service = project.services.get(waiting.pop())
        for name, dependency in service.depends_on.items() if service else ():
            if name == first and dependency.condition == "service_completed_successfully":
                return True
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return False


def _conflict(wish: Place, owner: Place) -> Conflict:
    what = f"address {wish.address} of container {wish.container} in network {wish.network}"
    how, hint = "also wanted by", "give one of them another address"
    if owner.container_id:
        how, hint = "that of", f"stop {owner.container}, or choose another address"
    if owner.service and owner.service == wish.service:
        hint = "a service with a fixed address can have one container only"
    return Conflict(f"{what} is {how} container {owner.container}", hint, wish.subject)
