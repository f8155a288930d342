"""Containers as they are made: labels, names, and whose namespaces they share."""

from __future__ import annotations

import pytest

from compose.plan import labels
from compose.plan.telling.progress import Phase
from tests.fakes.driving import make_engine, up
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio


async def test_containers_carry_docker_composes_labels() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("db"), make_service("web", after={"db": "service_started"})))
    found = engine.named("app-web-1").request.labels
    assert found[labels.PROJECT] == "app"
    assert found[labels.SERVICE] == "web"
    assert found[labels.NUMBER] == "1"
    assert found[labels.ONE_OFF] == "False"
    assert found[labels.DEPENDS_ON] == "db:service_started:false"
    assert found[labels.CONFIG_FILES] == "/app/compose.yaml"
    assert found[labels.IMAGE] == "sha256:tiny"
    assert engine.networks["app_default"].labels[labels.NETWORK] == "default"


async def test_what_the_engine_warns_of_is_told_beside_what_it_made() -> None:
    engine = make_engine()
    engine.warnings = {"create app-web-1": "no swap here", "create network app_default": "it overlaps"}
    reported = await up(engine, make_project(make_service("web")))
    told = {update.resource: update.detail for update in reported if update.phase is Phase.WARNING}
    assert told == {"web": "no swap here", "app_default": "it overlaps"}


async def test_a_changed_service_gets_a_new_container_under_the_old_name() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web"), make_service("db")))
    before = {item.name: item.id for item in engine.containers.values()}
    await up(engine, make_project(make_service("web", environment={"A": "1"}), make_service("db")))
    after = {item.name: item.id for item in engine.containers.values()}
    assert after["app-db-1"] == before["app-db-1"]
    assert after["app-web-1"] != before["app-web-1"]
    assert set(after) == set(before)
    assert engine.named("app-web-1").status == "running"


async def test_a_shared_namespace_is_that_of_the_container_made_now() -> None:
    engine = make_engine()
    await up(
        engine,
        make_project(
            make_service("web"),
            make_service("sidecar", network_mode="service:web", after={"web": "service_started"}),
        ),
    )
    mode = engine.named("app-sidecar-1").request.host_config.network_mode
    assert mode == f"container:{engine.named('app-web-1').id}"


async def test_what_shares_a_namespace_of_one_of_several_containers_stays_with_it() -> None:
    engine = make_engine()
    project = make_project(
        make_service("db", scale=3), make_service("web", pid="service:db", after={"db": "service_started"})
    )
    await up(engine, project)
    before = {item.name: item.id for item in engine.containers.values()}
    assert engine.named("app-web-1").request.host_config.pid_mode == f"container:{before['app-db-1']}"
    await up(engine, project)
    assert {item.name: item.id for item in engine.containers.values()} == before
