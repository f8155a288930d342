"""Bringing projects up and down on the engine in memory."""

from __future__ import annotations

from compose.apply.execute import execute
from compose.apply.looking.observe import observe
from compose.apply.stage import Stage
from compose.model.project import Project
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.deciding.teardown import DownOptions, plan_down
from compose.plan.telling.progress import Update
from tests.fakes.engine import FakeEngine


async def up(engine: FakeEngine, project: Project, options: Options | None = None) -> list[Update]:
    """Reconcile and execute; returns what was reported."""
    reported: list[Update] = []
    observed = await observe(engine.client, project.name)
    plan = reconcile(project, observed, options or Options())
    await execute(plan, Stage(engine.client, project, observed), reported.append)
    return reported


async def down(engine: FakeEngine, project: Project) -> None:
    observed = await observe(engine.client, project.name)
    plan = plan_down(project.name, project, observed, DownOptions(volumes=True))
    await execute(plan, Stage(engine.client, project, observed), lambda update: None, keep_going=True)


def make_engine() -> FakeEngine:
    return FakeEngine(images={"tiny:1": "sha256:tiny"}, registry={"big:1": "sha256:big"})
