"""Runs that are interrupted or killed at every moment: `up` and `down` go on from there, and no data is lost."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest

from compose.apply.execute import execute
from compose.apply.looking.observe import observe
from compose.apply.stage import Stage
from compose.model.project import FileObject, Network, Project
from compose.model.service import Dependency, FileMount, Mount, Service
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.deciding.teardown import DownOptions, plan_down
from compose.plan.observed import Observed
from compose.plan.steps import Plan
from tests.fakes.cutting import CutClient, How, Killed
from tests.fakes.driving import down, make_engine, up
from tests.fakes.engine import FakeEngine
from tests.fakes.projects import data_volume, make_project, make_service

pytestmark = pytest.mark.anyio

VOLUMES = (Mount("volume", "/anonymous"), data_volume())
CONFIGS = {"settings": FileObject("settings", "app_settings", content="x")}
Planner = Callable[[Project, Observed], Plan]


def project(log: str, *, internal: bool = False, **attributes: Any) -> Project:
    """Two services, one of which is restarted with the other; `log` makes their configuration."""
    db = make_service("db", environment={"LOG": log}, volumes=VOLUMES, **attributes)
    web = make_service(
        "web",
        environment={"LOG": log},
        depends_on={"db": Dependency("service_started", restart=True)},
        configs=(FileMount("settings"),),
    )
    networks = {"default": Network("default", "app_default", internal=internal)}
    return make_project(db, web, networks=networks, configs=CONFIGS)


CASES: dict[str, tuple[Project | None, Project]] = {
    "the first time": (None, project("info")),
    "services changed": (project("info"), project("debug")),
    "the network changed": (project("info"), project("info", internal=True)),
    "services and the network changed": (project("info"), project("debug", internal=True)),
    "a fixed name": (project("info", container_name="fixed"), project("debug", container_name="fixed")),
    "another fixed name": (project("info"), project("info", container_name="fixed")),
    "scaled down and changed": (project("info", scale=2), project("debug", scale=1)),
    "scaled up and changed": (project("info"), project("debug", scale=2)),
}


def planned_up(wanted: Project, observed: Observed) -> Plan:
    return reconcile(wanted, observed, Options())


def planned_down(wanted: Project, observed: Observed) -> Plan:
    return plan_down("app", wanted, observed, DownOptions())


@asynccontextmanager
async def brought_up(before: Project | None) -> AsyncIterator[FakeEngine]:
    engine = make_engine()
    if before:
        await up(engine, before)
    yield engine


async def run(client: CutClient, wanted: Project, planner: Planner) -> None:
    observed = await observe(client.client, "app")
    try:
        with client.scope:
            await execute(
                planner(wanted, observed),
                Stage(client.client, wanted, observed),
                lambda update: None,
            )
    except* Killed:
        assert client.is_dead


def anonymous_data(engine: FakeEngine) -> set[str]:
    """The anonymous volumes that containers of `db` mount."""
    return {
        mount.source or item.anonymous[mount.target]
        for item in engine.containers.values()
        for mount in item.request.host_config.mounts
        if mount.target == "/anonymous"
    }


async def moments(before: Project | None, wanted: Project, planner: Planner) -> list[tuple[int, How, bool]]:
    """Every way to be cut off."""
    async with brought_up(before) as engine:
        client = CutClient(engine)
        await run(client, wanted, planner)
    return list(itertools.product(range(1, client.changes + 1), get_args(How), (False, True)))


async def cut_off(
    before: Project | None, wanted: Project, planner: Planner, check: Callable[[FakeEngine, set[str]], Awaitable[None]]
) -> None:
    for moment in await moments(before, wanted, planner):
        number, how, happens = moment
        async with brought_up(before) as engine:
            data = anonymous_data(engine)
            await run(CutClient(engine, number, how, happens), wanted, planner)
            try:
                await check(engine, data)
            except BaseException as exc:
                exc.add_note(f"{moment}: {engine.calls}")
                raise


def running(engine: FakeEngine) -> list[str]:
    """The running containers without their numbers: which of two is left after half a `down` does not matter."""
    return sorted(item.name.rstrip("12") for item in engine.containers.values() if item.status == "running")


def expected(wanted: Project) -> list[str]:
    def names(service: Service) -> list[str]:
        return [service.container_name or f"app-{service.name}-"] * service.scale

    return sorted(name for service in wanted.services.values() for name in names(service))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("planner", [planned_up, planned_down])
async def test_up_goes_on_from_every_moment_with_all_data(case: str, planner: Planner) -> None:
    before, wanted = CASES[case]

    async def check(engine: FakeEngine, data: set[str]) -> None:
        await up(engine, wanted)
        assert running(engine) == expected(wanted)
        assert len(engine.containers) == len(running(engine))
        if planner is planned_up:
            kept = min(len(data), wanted.services["db"].scale)
            assert len(anonymous_data(engine) & data) >= kept, "the data of an anonymous volume is lost"
        assert anonymous_data(engine) <= engine.anonymous_volumes
        assert not planned_up(wanted, await observe(engine.client, "app"))
        assert all(item.files for item in engine.containers.values() if "web" in item.name)

    await cut_off(before, wanted, planner, check)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("planner", [planned_up, planned_down])
async def test_down_leaves_nothing_whatever_was_cut_off(case: str, planner: Planner) -> None:
    before, wanted = CASES[case]

    async def check(engine: FakeEngine, data: set[str]) -> None:
        await down(engine, wanted)
        assert (engine.containers, engine.networks, engine.volumes) == ({}, {}, {})

    await cut_off(before, wanted, planner, check)
