"""What a failed run takes back, and what it leaves."""

from __future__ import annotations

import pytest

from compose.errors import EngineRefused
from tests.fakes.driving import make_engine, up
from tests.fakes.projects import data_volume, make_project, make_service

pytestmark = pytest.mark.anyio


async def test_a_failed_up_takes_back_what_it_made_and_did_not_start() -> None:
    engine = make_engine()
    engine.refusals["start app-web-1"] = (500, "port 0.0.0.0:80/tcp is already in use by nginx")
    with pytest.raises(EngineRefused):
        await up(engine, make_project(make_service("web", volumes=(data_volume(),))))
    assert (engine.containers, engine.networks, engine.volumes) == ({}, {}, {})


async def test_a_missing_image_leaves_nothing_behind_and_nothing_changed() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web")))
    with pytest.raises(EngineRefused):
        await up(engine, make_project(make_service("web", tty=True), make_service("db", image="nowhere:1")))
    assert {item.name: item.request.tty for item in engine.containers.values()} == {"app-web-1": False}


async def test_what_was_started_and_what_was_there_before_survive_a_failed_up() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("old")))
    engine.refusals["start app-web-1"] = (500, "no")
    project = make_project(
        make_service("old"), make_service("db"), make_service("web", after={"db": "service_started"})
    )
    with pytest.raises(EngineRefused):
        await up(engine, project)
    assert sorted(item.name for item in engine.containers.values()) == ["app-db-1", "app-old-1"]


async def test_a_replacement_that_does_not_start_stays_when_what_it_replaced_is_gone() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web")))
    engine.refusals["start app-web-1"] = (500, "no")
    with pytest.raises(EngineRefused):
        await up(engine, make_project(make_service("web", tty=True)))
    assert [item.name for item in engine.containers.values()] == ["app-web-1"]
