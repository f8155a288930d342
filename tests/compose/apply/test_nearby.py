"""Carrying out ends by requests alone."""

from __future__ import annotations

import pytest

from compose.apply.looking.observe import observe
from compose.apply.nearby import end_nearby, is_near
from compose.errors import EngineRefused
from compose.model.tooling import Hook
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.deciding.teardown import DownOptions, plan_down
from compose.plan.telling.progress import Phase, Update
from tests.fakes.driving import make_engine, up
from tests.fakes.projects import data_volume, make_project, make_service

pytestmark = pytest.mark.anyio


async def test_it_does_what_a_down_does_and_tells_it_in_order() -> None:
    engine = make_engine()
    project = make_project(
        make_service("web", after={"db": "service_started"}), make_service("db", volumes=(data_volume(),))
    )
    await up(engine, project)
    plan = plan_down(project.name, project, await observe(engine.client, "app"), DownOptions(volumes=True))
    assert is_near(plan, project)
    reported: list[Update] = []
    await end_nearby(plan, engine.client, project, reported.append)
    assert (engine.containers, engine.networks, engine.volumes) == ({}, {}, {})
    told = [f"{item.resource} {item.state}" for item in reported]
    assert told.index("Container app-web-1 Stopped") < told.index("Container app-db-1 Stopping")
    assert {item.state for item in reported if item.phase is Phase.DONE} == {"Stopped", "Removed"}


async def test_every_step_is_tried_though_one_fails() -> None:
    engine = make_engine()
    project = make_project(make_service("web"), make_service("db"))
    await up(engine, project)
    plan = plan_down(project.name, project, await observe(engine.client, "app"), DownOptions())
    engine.refusals["stop app-web-1"] = (500, "no")
    with pytest.raises(EngineRefused, match="app-web-1"):
        await end_nearby(plan, engine.client, project, lambda update: None)
    assert engine.containers == {}, "a removal by force follows also a stop that was refused"


async def test_hooks_and_beginnings_are_not_for_it() -> None:
    engine = make_engine()
    project = make_project(make_service("web", pre_stop=(Hook(command=("true",)),)))
    assert not is_near(reconcile(project, await observe(engine.client, "app"), Options()), project)
    await up(engine, project)
    assert not is_near(plan_down("app", project, await observe(engine.client, "app"), DownOptions()), project)
