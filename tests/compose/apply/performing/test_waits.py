"""What waits for others, and what becomes of it when they fail."""

from __future__ import annotations

import anyio
import pytest

from compose.errors import ServiceFailed
from compose.model.service import Dependency, HealthCheck
from compose.plan.telling.progress import Phase
from tests.fakes.driving import make_engine, up
from tests.fakes.engine_container import FakeContainer
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio
PROBE = HealthCheck(test=("CMD", "true"))


async def test_a_dependant_starts_when_its_dependency_gets_healthy_and_not_before() -> None:
    engine = make_engine()
    project = make_project(make_service("db", healthcheck=PROBE), make_service("web", after={"db": "service_healthy"}))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(up, engine, project)
        await anyio.wait_all_tasks_blocked()
        assert engine.named("app-web-1").status == "created"
        engine.set_health("app-db-1", "healthy")
    assert engine.named("app-web-1").status == "running"


async def test_a_job_that_completes_lets_its_dependants_start() -> None:
    engine = make_engine()

    def run(container: FakeContainer) -> None:
        if container.name == "app-migrate-1":
            engine.exit(container.id, 0)

    engine.on_start = run
    await up(
        engine,
        make_project(make_service("migrate"), make_service("web", after={"migrate": "service_completed_successfully"})),
    )
    assert engine.named("app-web-1").status == "running"


async def test_a_failed_job_ends_up_with_its_code_its_output_and_who_waited() -> None:
    engine = make_engine()

    def fail(container: FakeContainer) -> None:
        if container.name == "app-migrate-1":
            engine.write(container.id, b"no such table\n")
            engine.exit(container.id, 3)

    engine.on_start = fail
    project = make_project(
        make_service("migrate"), make_service("web", after={"migrate": "service_completed_successfully"})
    )
    with pytest.raises(ServiceFailed) as caught:
        await up(engine, project)
    assert "container app-migrate-1 exited with code 3" in caught.value.message
    assert "web waits for migrate to be completed successfully" in caught.value.message
    assert "no such table" in caught.value.message
    assert engine.named("app-web-1").status == "created"


async def test_an_unhealthy_dependency_ends_up_with_its_last_probe() -> None:
    engine = make_engine()
    engine.on_start = lambda container: engine.set_health(container.id, "unhealthy", "connection refused")
    project = make_project(make_service("db", healthcheck=PROBE), make_service("web", after={"db": "service_healthy"}))
    with pytest.raises(ServiceFailed) as caught:
        await up(engine, project)
    assert "app-db-1 is unhealthy" in caught.value.message
    assert "connection refused" in caught.value.message


async def test_waiting_for_health_without_a_check_is_an_error_with_a_way_out() -> None:
    engine = make_engine()
    with pytest.raises(ServiceFailed, match="has no health check"):
        await up(engine, make_project(make_service("db"), make_service("web", after={"db": "service_healthy"})))


async def test_a_dependency_that_is_not_required_may_fail() -> None:
    engine = make_engine()
    engine.on_start = lambda container: container.name == "app-extra-1" and engine.exit(container.id, 1)  # type: ignore[assignment, func-returns-value]
    wish = Dependency("service_completed_successfully", required=False)
    project = make_project(make_service("extra"), make_service("web", depends_on={"extra": wish}))
    reported = await up(engine, project)
    assert engine.named("app-web-1").status == "running"
    assert [update.resource for update in reported if update.phase is Phase.WARNING] == ["Container app-extra-1"]
