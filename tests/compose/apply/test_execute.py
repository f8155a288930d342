"""Carrying out plans against an engine in memory."""

from __future__ import annotations

import io
import math
import tarfile

import anyio
import pytest

from compose.apply.execute import execute
from compose.apply.looking.observe import observe
from compose.apply.stage import Stage
from compose.errors import ComposeError, EngineRefused, ServiceFailed
from compose.model.project import FileObject, Project
from compose.model.service import Dependency, FileMount, HealthCheck
from compose.model.tooling import Hook
from compose.plan import labels
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.telling.progress import Phase, Update
from tests.fakes.driving import down, make_engine, up
from tests.fakes.engine import FakeContainer
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


async def test_hooks_run_after_the_start_and_before_the_stop() -> None:
    engine = make_engine()
    project = make_project(make_service("web", post_start=(Hook(("warm", "up")),), pre_stop=(Hook(("drain",)),)))
    await up(engine, project)
    assert engine.calls[-2:] == ["start app-web-1", "exec in app-web-1: warm up"]
    await down(engine, project)
    assert engine.calls.index("exec in app-web-1: drain") < engine.calls.index("stop app-web-1")


async def test_a_hook_that_fails_ends_up_with_its_output() -> None:
    engine = make_engine()
    engine.exit_codes["warm"] = 3
    with pytest.raises(ServiceFailed, match="`warm` in container app-web-1 exited with code 3\n  said warm"):
        await up(engine, make_project(make_service("web", post_start=(Hook(("warm",)),))))


async def test_a_refusal_says_what_was_being_done() -> None:
    engine = make_engine()
    engine.refusals["start app-web-1"] = (500, "port 0.0.0.0:80/tcp is already in use by nginx (hint: stop it)")
    with pytest.raises(EngineRefused) as caught:
        await up(engine, make_project(make_service("web")))
    assert caught.value.message == ("starting container app-web-1: port 0.0.0.0:80/tcp is already in use by nginx")
    assert caught.value.hint == "stop it"


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


async def test_a_failed_pull_names_the_image() -> None:
    with pytest.raises(EngineRefused, match="pulling nowhere:1: manifest for nowhere:1 not found"):
        await up(make_engine(), make_project(make_service("web", image="nowhere:1")))


async def test_all_refused_images_are_told_and_what_comes_is_called_off() -> None:
    engine = make_engine()
    engine.registry |= {"huge:1": "sha256:huge", "late:1": "sha256:late"}
    services = [make_service(name, image=f"{name}:1") for name in ("gone", "huge", "late", "lost", "slow")]
    # One is being downloaded when another is refused; two others have no answer yet.
    engine.gates = {name: anyio.Event() for name in ("layers huge:1", "pull late:1", "layers late:1", "pull slow:1")}
    reported: list[Update] = []

    def report(update: Update) -> None:
        reported.append(update)
        if update == Update("Image huge:1", "Interrupted", Phase.WARNING):
            engine.gates["pull late:1"].set()
        if update == Update("Image late:1", "Interrupted", Phase.WARNING):
            engine.gates["pull slow:1"].set()

    project = make_project(*services)
    observed = await observe(engine.client, project.name)
    plan = reconcile(project, observed, Options())
    with pytest.raises(ExceptionGroup) as caught:
        await execute(plan, Stage(engine.client, project, observed), report)
    told = [exc.message for exc in caught.value.exceptions if isinstance(exc, EngineRefused)]
    assert sorted(told) == [f"pulling {name}:1: manifest for {name}:1 not found" for name in ("gone", "lost", "slow")]
    assert (engine.containers, engine.networks) == ({}, {})
    assert set(engine.images) == {"tiny:1"}


async def test_a_registry_that_does_not_answer_keeps_a_refusal_waiting_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("compose.apply.calling_off._PATIENCE_SECONDS", 0)
    engine = make_engine()
    engine.gates["pull big:1"] = anyio.Event()
    with pytest.raises(EngineRefused, match="pulling gone:1"):
        await up(engine, make_project(make_service("a", image="gone:1"), make_service("b", image="big:1")))


async def test_another_failure_does_not_wait_for_registries() -> None:
    engine = make_engine()
    engine.gates["pull big:1"] = anyio.Event()
    engine.refusals["create network app_default"] = (500, "no")
    with pytest.raises(EngineRefused, match="creating network app_default: no"):
        await up(engine, make_project(make_service("a"), make_service("b", image="big:1")))


async def test_inline_configs_and_secrets_are_copied_in_before_the_start() -> None:
    engine = make_engine()
    service = make_service("web", configs=(FileMount("c", mode=0o400),), secrets=(FileMount("s"),))
    project = make_project(
        service,
        configs={"c": FileObject("c", "app_c", content="hello")},
        secrets={"s": FileObject("s", "app_s", environment="TOKEN")},
        environment={"TOKEN": "hunter2"},
    )
    await up(engine, project)
    assert engine.calls[-3:] == ["create app-web-1", "put files into app-web-1", "start app-web-1"]
    with tarfile.open(fileobj=io.BytesIO(engine.named("app-web-1").files[0])) as tar:
        found = {entry.name: (entry.mode, tar.extractfile(entry).read()) for entry in tar}  # type: ignore[union-attr]
    assert found == {"c": (0o400, b"hello"), "run/secrets/s": (0o444, b"hunter2")}


async def test_a_container_that_did_not_get_its_files_is_not_left_behind() -> None:
    engine = make_engine()
    engine.refusals["put files"] = (500, "no space left")
    service = make_service("web", configs=(FileMount("c"),))
    project = make_project(service, configs={"c": FileObject("c", "app_c", content="hello")})
    with pytest.raises(EngineRefused, match="no space left"):
        await up(engine, project)
    assert engine.containers == {}


async def test_a_secret_from_an_unset_variable_is_an_error() -> None:
    service = make_service("web", secrets=(FileMount("s"),))
    project = make_project(service, secrets={"s": FileObject("s", "app_s", environment="TOKEN")})
    with pytest.raises(ComposeError, match="`TOKEN`, the content of secret `s`, is not set"):
        await up(make_engine(), project)


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
    with pytest.raises(EngineRefused), anyio.fail_after(5):
        await up(engine, project)


async def test_what_is_reported_ends_with_every_resource_done() -> None:
    engine = make_engine()
    reported = await up(engine, make_project(make_service("web", image="big:1")))
    last = {update.resource: update.state for update in reported}
    assert last == {"Image big:1": "Pulled", "Network app_default": "Created", "Container app-web-1": "Started"}


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


async def test_new_content_of_a_config_makes_a_new_container_and_another_tools_container_stays() -> None:
    engine = make_engine()
    service = make_service("web", configs=(FileMount("c", "/c"),))

    def with_content(text: str) -> Project:
        return make_project(service, configs={"c": FileObject("c", "app_c", content=text)})

    await up(engine, with_content("one"))
    first = engine.named("app-web-1").id
    await up(engine, with_content("two"))
    second = engine.named("app-web-1")
    assert second.id != first
    del second.request.labels["pycompose.content-hash"]
    await up(engine, with_content("three"))
    assert engine.named("app-web-1").id == second.id
