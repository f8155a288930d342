"""Waiting for containers of an engine in memory."""

from __future__ import annotations

import anyio
import pytest

from compose.apply.execute import execute
from compose.apply.looking.observe import observe
from compose.apply.parallel import unwrapped
from compose.apply.stage import Stage
from compose.errors import ServiceFailed
from compose.model.service import HealthCheck
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from tests.fakes.driving import make_engine, up
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio
PROBE = HealthCheck(test=("CMD", "true"))


async def test_a_program_that_ends_right_after_its_start_was_not_up() -> None:
    engine = make_engine()
    with pytest.raises(ServiceFailed, match="container app-web-1 exited with code 2"), unwrapped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(up, engine, make_project(make_service("web")), Options(is_waiting=True))
            await anyio.wait_all_tasks_blocked()
            assert engine.named("app-web-1").status == "running"
            engine.exit("app-web-1", 2)


async def test_when_time_is_up_everything_that_is_missing_is_told() -> None:
    engine = make_engine()
    project = make_project(
        make_service("db", healthcheck=PROBE),
        make_service("cache", healthcheck=PROBE),
        make_service("web", after={"db": "service_healthy"}),
    )
    observed = await observe(engine.client, project.name)
    plan = reconcile(project, observed, Options())
    with pytest.raises(ServiceFailed) as caught:
        await execute(
            plan,
            Stage(engine.client, project, observed),
            lambda update: None,
            patience_seconds=0.01,
        )
    story = caught.value.message.splitlines()
    assert story[:3] == [
        "the project was not up within 0.01 s",
        "container app-db-1 is running, its health: starting",
        "  web waits for db to be healthy",
    ]
    assert caught.value.hint == "see `pycompose logs db`"


async def test_a_container_that_got_its_name_only_now_is_awaited_by_its_id() -> None:
    engine = make_engine()
    project = make_project(make_service("db", healthcheck=PROBE), make_service("web", after={"db": "service_healthy"}))
    engine.on_start = lambda container: engine.set_health(container.id, "healthy")
    await up(engine, project)
    db = engine.named("app-db-1")
    await engine.stop_container(db.id)
    await engine.stop_container("app-web-1")
    await engine.rename_container(db.id, "aaaaaaaaaaaa_app-db-1")
    engine.on_start = lambda container: None
    db.health = "starting"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(up, engine, project)
        await anyio.wait_all_tasks_blocked()
        engine.set_health(db.id, "healthy")
    assert engine.named("app-web-1").status == "running"
