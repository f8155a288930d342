"""Commands that services have run around starts and stops."""

from __future__ import annotations

import pytest

from compose.apply.execute import execute
from compose.apply.hooks import run_hooks
from compose.apply.looking.observe import observe
from compose.apply.stage import Stage
from compose.errors import ServiceFailed
from compose.model.tooling import Hook
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.deciding.teardown import plan_stop
from tests.fakes.driving import down, make_engine, up
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio


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


async def test_where_output_is_shown_hooks_are_heard_around_starts_and_stops() -> None:
    engine = make_engine()
    project = make_project(make_service("web", post_start=(Hook(("warm",)),), pre_stop=(Hook(("drain",)),)))
    heard: list[tuple[str, bytes]] = []
    observed = await observe(engine.client, project.name)
    stage = Stage(engine.client, project, observed, lambda container, line: heard.append((container, line)))
    await execute(reconcile(project, observed, Options()), stage, lambda update: None)
    observed = await observe(engine.client, project.name)
    await execute(plan_stop(observed.containers, None, "asked"), stage, lambda update: None)
    assert heard == [("app-web-1", b"said warm"), ("app-web-1", b"said drain")]


async def test_what_was_heard_already_is_not_told_again_when_the_hook_fails() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web")))
    engine.exit_codes["warm"] = 3
    heard: list[bytes] = []
    with pytest.raises(ServiceFailed) as caught:
        await run_hooks(engine.client, "app-web-1", "app-web-1", [Hook(("warm",))], heard.append)
    assert (heard, "said" in caught.value.message) == ([b"said warm"], False)
