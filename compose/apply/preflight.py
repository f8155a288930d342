"""Asks the engine what a plan would collide with, before anything of it is done."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.errors import ComposeError
from compose.model.project import Project
from compose.plan.actions import CreateNetwork, Plan, StartContainer
from compose.plan.preflight import Conflict, PublishedPort, conflicts
from engine.client import EngineClient
from engine.wire.containers import ContainerSummary


async def preflight(engine: EngineClient, project: Project, plan: Plan) -> None:
    """Raise everything at once that is sure to fail: one `ComposeError`, or an `ExceptionGroup` of several."""
    published: list[PublishedPort] = []
    subnets: dict[str, list[str]] = {}

    async def look_at_ports() -> None:
        for summary in await engine.list_containers():
            published.extend(_published(summary))

    async def look_at_subnets() -> None:
        for network in await engine.list_networks():
            subnets[network.name] = [pool.subnet for pool in network.ipam.config or ()]

    looks = []
    if _publishes(project, plan):
        looks.append(look_at_ports)
    if any(isinstance(step.action, CreateNetwork) and step.action.network.ipam.config for step in plan.steps):
        looks.append(look_at_subnets)
    if not looks:
        return
    with refusals("looking for conflicts"):
        await all_of(looks)
    if found := conflicts(project, plan, published, subnets):
        errors = list(map(_error, found))
        raise errors[0] if len(errors) == 1 else ExceptionGroup("the project cannot be brought up", errors)


def _publishes(project: Project, plan: Plan) -> bool:
    services = {step.action.service for step in plan.steps if isinstance(step.action, StartContainer)}
    return any(project.services[name].ports for name in services if name in project.services)


def _published(summary: ContainerSummary) -> Iterable[PublishedPort]:
    name = summary.names[0].removeprefix("/") if summary.names else summary.id[:12]
    for port in summary.ports:
        if port.public_port is not UNSET:
            address = "" if port.ip is UNSET else port.ip
            yield PublishedPort(name, port.public_port, port.type, address, summary.id)


def _error(conflict: Conflict) -> ComposeError:
    return ComposeError(conflict.message, hint=conflict.hint, subject=conflict.subject)
