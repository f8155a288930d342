"""Carrying out plans against an engine in memory."""

from __future__ import annotations

import math

import anyio
import pytest

from compose.errors import EngineRefused
from compose.model.service import HealthCheck
from tests.fakes.driving import down, make_engine, up
from tests.fakes.projects import data_volume, make_project, make_service

pytestmark = pytest.mark.anyio
PROBE = HealthCheck(test=("CMD", "true"))


async def test_up_and_down_leave_nothing_behind() -> None:
    engine = make_engine()
    project = make_project(make_service("web", image="big:1"), make_service("db", volumes=(data_volume(),)))
    await up(engine, project)
    assert {item.name: item.status for item in engine.containers.values()} == {
        "app-db-1": "running",
        "app-web-1": "running",
    }
    await down(engine, project)
    assert (engine.containers, engine.networks, engine.volumes) == ({}, {}, {})


async def test_a_second_up_changes_nothing() -> None:
    engine = make_engine()
    project = make_project(make_service("web"), make_service("db", volumes=(data_volume(),)))
    await up(engine, project)
    engine.calls.clear()
    await up(engine, project)
    assert engine.calls == []


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (2, 2), (math.inf, 8)])
async def test_no_more_goes_on_at_the_same_time_than_is_allowed(limit: float, expected: int) -> None:
    engine = make_engine()
    engine.turns = anyio.CapacityLimiter(limit)
    # The last one waits for another, which takes no turn, or one turn would not be enough.
    slow = make_service("slow", after={"s0": "service_healthy"})
    project = make_project(make_service("s0", healthcheck=PROBE), *(make_service(f"s{n}") for n in range(1, 7)), slow)
    engine.on_start = lambda container: engine.set_health(container.name, "healthy")
    await up(engine, project)
    assert {item.status for item in engine.containers.values()} == {"running"}
    assert engine.most_at_once == expected
    await down(engine, project)
    assert engine.most_at_once == expected


async def test_a_refusal_says_what_was_being_done() -> None:
    engine = make_engine()
    engine.refusals["start app-web-1"] = (500, "port 0.0.0.0:80/tcp is already in use by nginx (hint: stop it)")
    with pytest.raises(EngineRefused) as caught:
        await up(engine, make_project(make_service("web")))
    assert caught.value.message == ("starting container app-web-1: port 0.0.0.0:80/tcp is already in use by nginx")
    assert caught.value.hint == "stop it"


async def test_down_tries_everything_and_tells_every_failure() -> None:
    engine = make_engine()
    project = make_project(make_service("one"), make_service("two"))
    await up(engine, project)
    engine.refusals["remove app-"] = (500, "device busy")
    with pytest.raises(ExceptionGroup) as caught:
        await down(engine, project)
    assert len(caught.value.exceptions) == 2
    assert engine.networks == {}


async def test_a_network_that_others_still_use_stays_with_a_warning() -> None:
    engine = make_engine()
    project = make_project(make_service("web"))
    await up(engine, project)
    engine.refusals["remove network"] = (403, "network app_default has active endpoints")
    await down(engine, project)
    assert list(engine.networks) == ["app_default"]


async def test_the_first_failure_ends_what_is_still_awaited() -> None:
    engine = make_engine()
    engine.refusals["start app-web-1"] = (500, "no")
    project = make_project(
        make_service("db", healthcheck=PROBE),
        make_service("later", after={"db": "service_healthy"}),
        make_service("web"),
    )
    with pytest.raises(EngineRefused), anyio.fail_after(60):
        await up(engine, project)


async def test_what_is_reported_ends_with_every_resource_done() -> None:
    engine = make_engine()
    reported = await up(engine, make_project(make_service("web", image="big:1")))
    last = {update.resource: update.state for update in reported}
    assert last == {"Image big:1": "Pulled", "Network app_default": "Created", "Container app-web-1": "Started"}
