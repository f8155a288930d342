"""What a container takes over, what waits for what, and what hooks forbid: on an engine in memory."""

from __future__ import annotations

import pytest

from compose.apply.execute import execute
from compose.apply.looking.observe import observe
from compose.apply.stage import Stage
from compose.errors import ServiceFailed
from compose.model.service import Dependency, Mount
from compose.model.tooling import Hook
from compose.plan.deciding.restarting import plan_restart
from tests.fakes.driving import down, make_engine, up
from tests.fakes.engine import FakeEngine
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio
ANONYMOUS = (Mount("volume", "/data"),)


def data_of(engine: FakeEngine, name: str) -> str:
    item = engine.named(name)
    (mount,) = item.request.host_config.mounts
    return mount.source or item.anonymous[mount.target]


async def test_an_anonymous_volume_goes_on_to_the_successor() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web", volumes=ANONYMOUS)))
    before = data_of(engine, "app-web-1")
    await up(engine, make_project(make_service("web", volumes=ANONYMOUS, tty=True)))
    assert data_of(engine, "app-web-1") == before


async def test_an_anonymous_volume_that_was_taken_over_goes_with_down_as_well() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web", volumes=ANONYMOUS)))
    project = make_project(make_service("web", volumes=ANONYMOUS, tty=True))
    await up(engine, project)
    await down(engine, project)
    assert engine.anonymous_volumes == set()


async def test_one_that_the_service_has_no_more_does_not() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web", volumes=ANONYMOUS)))
    await up(engine, make_project(make_service("web")))
    assert engine.named("app-web-1").request.host_config.mounts == []
    assert len(engine.anonymous_volumes) == 1, "its data stays"


async def test_who_shares_namespaces_with_a_container_of_another_name_now_gets_the_new_one() -> None:
    engine = make_engine()
    sidecar = make_service("sidecar", pid="service:web", depends_on={"web": Dependency("service_started")})
    await up(engine, make_project(make_service("web"), sidecar))
    await up(engine, make_project(make_service("web", container_name="x-renamed"), sidecar))
    assert engine.named("app-sidecar-1").request.host_config.pid_mode == f"container:{engine.named('x-renamed').id}"


async def test_a_stopped_container_whose_network_is_gone_is_replaced_since_it_remembers_the_networks_id() -> None:
    engine = make_engine()
    project = make_project(make_service("web"))
    await up(engine, project)
    await engine.stop_container("app-web-1")
    await engine.remove_network("app_default")
    engine.calls.clear()
    await up(engine, project)
    assert "remove app-web-1" in engine.calls
    assert [(item.name, item.status) for item in engine.containers.values()] == [("app-web-1", "running")]


async def test_a_hook_that_lets_a_container_not_stop_keeps_it() -> None:
    engine = make_engine()
    engine.exit_codes["drain"] = 1
    project = make_project(make_service("web", pre_stop=(Hook(("drain",)),)), make_service("db"))
    await up(engine, project)
    with pytest.raises((ServiceFailed, ExceptionGroup)):
        await down(engine, project)
    assert [item.name for item in engine.containers.values()] == ["app-web-1"]


async def test_a_hook_that_is_not_there_keeps_nothing() -> None:
    engine = make_engine()
    engine.exit_codes["drain"] = 127
    project = make_project(make_service("web", pre_stop=(Hook(("drain",)),)))
    await up(engine, project)
    with pytest.raises((ServiceFailed, ExceptionGroup)):
        await down(engine, project)
    assert engine.containers == {}


async def test_a_restart_runs_the_hooks_around_it_and_goes_in_order() -> None:
    engine = make_engine()
    hooked = make_service("db", pre_stop=(Hook(("drain",)),), post_start=(Hook(("warm",)),))
    project = make_project(hooked, make_service("web", depends_on={"db": Dependency("service_started", restart=True)}))
    await up(engine, project)
    engine.calls.clear()
    observed = await observe(engine.client, "app")
    plan = plan_restart(project, observed.containers)
    await execute(plan, Stage(engine.client, project, observed), lambda update: None)
    assert engine.calls == [
        "exec in app-db-1: drain",
        "restart app-db-1",
        "exec in app-db-1: warm",
        "restart app-web-1",
    ]
