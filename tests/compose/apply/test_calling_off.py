"""What becomes of other pulls when an image is refused, and of other builds when one fails."""

from __future__ import annotations

import anyio
import pytest

from compose.apply.execute import execute
from compose.apply.looking.observe import observe
from compose.apply.stage import Stage
from compose.errors import ComposeError, EngineRefused
from compose.model.project import Project
from compose.model.service import Build
from compose.plan.actions import BuildImage
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed
from compose.plan.telling.progress import Phase, Report, Update
from engine.client import EngineClient
from tests.fakes.driving import make_engine, up
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio


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


async def test_all_builds_that_fail_are_told_and_only_those_that_need_them_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has_failed, begun = anyio.Event(), list[str]()

    async def build(engine: EngineClient, project: Project, action: BuildImage, report: Report) -> str:
        begun.append(action.service.name)
        if action.service.name == "first":
            has_failed.set()
            raise ComposeError("first fails")
        await has_failed.wait()
        if action.service.name == "late":
            raise ComposeError("late fails")
        return f"sha256:{action.service.name}"

    def on(name: str) -> Build:
        return Build(context="/src", additional_contexts={"base": f"service:{name}"})

    monkeypatch.setattr("compose.apply.building.images.build", build)
    project = make_project(
        make_service("first", build=Build(context="/src")),
        make_service("base", build=Build(context="/src")),
        make_service("late", build=on("base")),
        make_service("never", build=on("first")),
    )
    engine = make_engine()
    plan = plan_builds(project, Observed(()), BuildOptions(always=True))
    with pytest.raises(ExceptionGroup) as caught:
        await execute(plan, Stage(engine.client, project, Observed(())), lambda update: None)
    assert sorted(map(str, caught.value.exceptions)) == ["first fails", "late fails"]
    assert sorted(begun) == ["base", "first", "late"]
