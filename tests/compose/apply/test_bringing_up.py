"""Bringing projects up by requests alone."""

from __future__ import annotations

import pytest

from compose.apply.bringing_up import bring_up, is_brief
from compose.apply.looking.observe import observe
from compose.apply.performing.ending import Ends
from compose.apply.performing.run import Run
from compose.apply.performing.telling import Teller
from compose.errors import ComposeError
from compose.model.project import FileObject, Project
from compose.model.service import FileMount
from compose.model.tooling import Hook
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.telling.progress import Update
from tests.fakes.driving import make_engine, up
from tests.fakes.engine import FakeEngine
from tests.fakes.projects import data_volume, make_project, make_service

pytestmark = pytest.mark.anyio


async def up_briefly(engine: FakeEngine, project: Project, reported: list[Update]) -> list[ComposeError]:
    observed = await observe(engine.client, project.name)
    plan = reconcile(project, observed, Options())
    assert is_brief(plan, project)
    teller = Teller(reported.append)
    return await bring_up(plan, Run(project, observed, Ends(engine.client, teller), teller))


async def test_it_makes_the_calls_and_tells_the_news_of_an_ordinary_up() -> None:
    rounds = [
        make_project(
            make_service("web", after={"db": "service_started"}), make_service("db", volumes=(data_volume(),))
        ),
        make_project(make_service("web", tty=True, after={"db": "service_started"}), make_service("db")),
    ]
    one, other = make_engine(), make_engine()
    for project in rounds:  # made, then replaced
        reported: list[Update] = []
        assert await up_briefly(one, project, reported) == []
        assert reported == await up(other, project)
    assert one.calls == other.calls
    assert one.named("app-web-1").status == "running"


async def test_the_first_failure_ends_the_rest_and_says_what_it_is_about() -> None:
    engine = make_engine()
    engine.refusals["create app-db-1"] = (500, "no")
    project = make_project(make_service("web", after={"db": "service_started"}), make_service("db"))
    (failure,) = await up_briefly(engine, project, [])
    assert failure.subject == ("services", "db")
    assert "start app-web-1" not in engine.calls


async def test_what_comes_streams_or_is_waited_for_is_not_for_it() -> None:
    engine = make_engine()
    hook = Hook(command=("true",))
    for service in (
        make_service("web", image="big:1"),
        make_service("web", post_start=(hook,)),
        make_service("web", pre_stop=(hook,)),
        make_service("web", configs=(FileMount("c"),)),
    ):
        project = make_project(service, configs={"c": FileObject("c", "app_c", content="hello")})
        assert not is_brief(reconcile(project, await observe(engine.client, "app"), Options()), project)
    waits = make_project(make_service("web", after={"db": "service_healthy"}), make_service("db"))
    assert not is_brief(reconcile(waits, await observe(engine.client, "app"), Options()), waits)
